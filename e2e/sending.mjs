// What is sent gets there once and in its order, whatever becomes of the line, the page, the tab or the session; and what a
// broken line looks like.
import { ANSWER_MS, PATIENCE_MS } from "./browser.mjs";
import { Chat, must, until } from "./chat.mjs";
import { Growth } from "./growth.mjs";
import { BROKEN_LINE, SHORT, STORY, beginShort, beginStory, goOffline, processes, questionsAre } from "./story.mjs";

export const sending = [
  ["what is written while an answer is written waits for its end, across a reload", async (world) => {
    const { chat, page, visitor, screenshots } = world;
    await beginStory(world);
    await chat.composer.fill("Written below a running answer.");
    must(await chat.stopButton.isVisible(), "the answer cannot be stopped while something is being written");
    await chat.sendButton.click();
    await chat.waiting.getByText("when the answer before it has ended").waitFor();
    must((await chat.composer.inputValue()) === "", "the text stands in the composer and below the answer");
    await visitor.pictures(screenshots, "held-message");
    await page.reload();
    await chat.waiting.getByText("when the answer before it has ended").waitFor();
    await chat.untilGrown(20);
    await chat.stopButton.click();
    await until("the message at the server", async () => (await chat.waiting.count()) === 0, ANSWER_MS);
    await chat.answers.nth(1).waitFor();
    await chat.end();
    await questionsAre(chat, [STORY, "Written below a running answer."]);
  }],

  ["what is written offline waits, keeps its order and is sent once", async (world) => {
    const { chat, page, visitor, screenshots } = world;
    await beginShort(world);
    const growth = new Growth(page);
    await growth.watch();
    await goOffline(world);
    await page.getByText("You are offline.").waitFor();
    await chat.send("First, written offline.");
    await chat.waiting.getByRole("button", { name: "Send now" }).waitFor();
    await chat.send("Second, written below it.");
    await chat.waiting.nth(1).getByText("after the message before it").waitFor();
    await visitor.pictures(screenshots, "waiting-message");
    await visitor.context.setOffline(false);
    await until("both messages at the server", async () => (await chat.waiting.count()) === 0, ANSWER_MS);
    await chat.untilEnded();
    await questionsAre(chat, [SHORT, "First, written offline.", "Second, written below it."]);
    await growth.mustHold();
    await page.reload();
    await chat.answers.nth(2).waitFor();
    await questionsAre(chat, [SHORT, "First, written offline.", "Second, written below it."]);
  }],

  ["a discarded message is gone, and comes back with Undo", async (world) => {
    const { chat, page, visitor } = world;
    await goOffline(world);
    await chat.send("Never mind.");
    await chat.waiting.getByRole("button", { name: "Discard" }).click();
    await chat.waiting.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).click();
    await chat.waiting.waitFor();
    await chat.waiting.getByRole("button", { name: "Discard" }).click();
    await chat.waiting.waitFor({ state: "detached" });
    await visitor.context.setOffline(false);
    await questionsAre(chat, [SHORT, "First, written offline.", "Second, written below it."]);
  }],

  ["a message whose acknowledgement is lost is not sent twice", async (world) => {
    const { chat, page } = world;
    await beginShort(world);
    let lost = 0;
    await page.route("**/api/chat", async (route) => {
      if (lost > 1) return route.continue();
      lost += 1;
      await route.fetch();
      await route.abort("connectionreset");
    });
    await chat.send("Count me once.");
    await until("the acknowledgement", async () => (await chat.waiting.count()) === 0, ANSWER_MS);
    must(lost === 2, `the answer was lost ${lost} times`);
    await page.unroute("**/api/chat");
    await chat.untilEnded();
    await questionsAre(chat, [SHORT, "Count me once."]);
    await page.reload();
    await chat.answers.nth(1).waitFor();
    await questionsAre(chat, [SHORT, "Count me once."]);
  }],

  ["a reload while a message is on its way loses nothing", async (world) => {
    const { chat, page } = world;
    await chat.begin();
    // The first one never gets there: the page is gone before anything answers.
    let posts = 0;
    await page.route("**/api/chat", (route) => (posts++ === 0 ? undefined : route.continue()));
    await chat.send("Sent by the page that comes after me.");
    await chat.waiting.waitFor();
    await until("the message on its way", () => posts === 1);
    await page.reload();
    await until("an address", () => /\/c\/[0-9a-f-]{36}/.test(page.url()), PATIENCE_MS);
    await chat.untilEnded();
    await questionsAre(chat, ["Sent by the page that comes after me."]);
    await page.unroute("**/api/chat");
  }],

  ["of two tabs one sends", twoTabs],
  ["of two tabs one sends where the browser has no locks, as over plain http", async (world) => {
    world.visitor.expect(BROKEN_LINE);
    const visitor = await world.browser.visitor();
    visitor.expect(/\/api\/auth\/refresh/);
    await visitor.context.addInitScript(() => delete Navigator.prototype.locks);
    const { page } = visitor;
    const chat = new Chat(page);
    await page.goto(world.address);
    must(!(await page.evaluate(() => "locks" in navigator)), "this browser has locks: it proves nothing");
    await chat.signIn(world.person);
    await chat.composer.waitFor();
    await twoTabs({ ...world, visitor, page, chat });
    visitor.mustBeQuiet();
    await visitor.close();
  }],

  ["an id that is taken by another message is told, and a new one helps", async (world) => {
    const { chat, page, visitor, screenshots } = world;
    await beginShort(world);
    let first = true;
    await page.route("**/api/chat", async (route) => {
      if (!first) return route.continue();
      first = false;
      const body = { ...route.request().postDataJSON(), content: "Somebody else's words." };
      await route.fetch({ postData: JSON.stringify(body) });
      await route.abort("connectionreset");
    });
    await chat.send("My own words.");
    await chat.waiting.getByRole("alert").waitFor();
    await visitor.picture(screenshots, "refused-message");
    await page.unroute("**/api/chat");
    await chat.stopButton.waitFor({ state: "hidden", timeout: ANSWER_MS });
    await chat.waiting.getByRole("button", { name: "Send as new" }).click();
    await until("the message at the server", async () => (await chat.waiting.count()) === 0, ANSWER_MS);
    await chat.untilEnded();
    must((await chat.questions.last().innerText()).includes("My own words."), "the message is not there");
  }],

  ["a message outlives its session, and is sent in nobody else's name", async (world) => {
    const { chat, page, visitor, address, person } = world;
    await beginShort(world);
    const conversation = page.url();
    await goOffline(world);
    await chat.send("Written when the session had ended.");
    await chat.waiting.getByRole("button", { name: "Send now" }).waitFor();
    await visitor.context.request.post(`${address}/api/auth/logout`, { headers: { origin: address } });
    await visitor.context.setOffline(false);
    await page.getByText("Your session has ended").waitFor();
    await visitor.picture(world.screenshots, "session-ended");

    let sent = 0;
    page.on("request", (request) => (sent += request.url().endsWith("/api/chat") ? 1 : 0));
    await page.getByRole("link", { name: "Create one" }).click();
    await chat.signUp({ name: "Charles", email: "charles@example.org", password: "difference engine 1822" });
    await page.getByRole("heading").first().waitFor();
    await page.goto(address);
    await chat.composer.waitFor();
    must((await chat.waiting.count()) === 0, "somebody else sees the message");
    must(!(await page.locator("body").innerText()).includes("Written when"), "somebody else sees the message");
    must(sent === 0, "the message was sent in somebody else's name");
    await chat.signOut();

    await chat.signIn(person);
    await until("the message on its way", () => sent > 0, ANSWER_MS);
    await page.goto(conversation);
    await chat.answers.nth(1).waitFor();
    await chat.untilEnded();
    await questionsAre(chat, [SHORT, "Written when the session had ended."]);
  }],

  ["a long outage is told calmly, and ends by itself", async (world) => {
    const { address, browser, person, screenshots } = world;
    const visitor = await browser.visitor();
    visitor.expect(/\/api\/auth\/refresh|ERR_|Failed to load/);
    const { page } = visitor;
    // Nobody waits a minute here: the page's clock is put forward, and the page is made to look at it.
    await page.addInitScript(() => {
      const now = Date.now;
      globalThis.ahead_ms = 0;
      Date.now = () => now() + globalThis.ahead_ms;
    });
    const chat = new Chat(page);
    await page.goto(address);
    await chat.signIn(person);
    await chat.composer.waitFor();
    await page.goto(world.page.url());
    await chat.answers.first().waitFor();
    await page.route("**/api/**", (route) => route.abort("connectionrefused"));
    processes(world).kill("nginx");
    await page.getByText("Reconnecting").waitFor();
    await visitor.pictures(screenshots, "reconnecting");
    await nothingIsCovered(page, page.getByText("Reconnecting"), chat.questions.first());
    await page.evaluate(() => {
      globalThis.ahead_ms = 61_000;
      dispatchEvent(new Event("offline"));
    });
    await page.getByRole("button", { name: "Try now" }).waitFor();
    await visitor.pictures(screenshots, "long-outage");
    await nothingIsCovered(page, page.getByText("has not answered for a while"), chat.questions.first());
    await page.unroute("**/api/**");
    await page.getByRole("button", { name: "Try now" }).click();
    await page.getByRole("button", { name: "Try now" }).waitFor({ state: "detached" });
    must((await page.getByRole("button", { name: "Close this note" }).count()) === 0, "a note popped up");
    must(visitor.complaints.length === 0, visitor.complaints.join("\n"));
    await visitor.close();
  }],
];

async function twoTabs(world) {
  const { chat, page, visitor } = world;
  await beginShort(world);
  const tab = await visitor.context.newPage();
  const there = new Chat(tab);
  await tab.goto(page.url());
  await there.answers.first().waitFor();
  const accepted = [];
  visitor.context.on("response", (response) => {
    if (response.url().endsWith("/api/chat") && response.status() === 202) accepted.push(response.request().postData());
  });
  await goOffline(world);
  await chat.send("From one of two tabs.");
  await there.waiting.waitFor();
  await visitor.context.setOffline(false);
  for (const each of [chat, there]) {
    await until("the message in both tabs", async () => (await each.waiting.count()) === 0, ANSWER_MS);
    await each.answers.nth(1).waitFor();
    await each.untilEnded();
    await questionsAre(each, [SHORT, "From one of two tabs."]);
  }
  must(accepted.length === 1, `it was sent ${accepted.length} times`);
  must((await chat.lastText()) === (await there.lastText()), "the two tabs do not show the same");

  // The tab that wrote it closes: the other one sends it.
  await goOffline(world);
  await there.send("From a tab that closes.");
  await chat.waiting.waitFor();
  await tab.close();
  await visitor.context.setOffline(false);
  await until("the other tab's message", async () => (await chat.waiting.count()) === 0, ANSWER_MS);
  await chat.answers.nth(2).waitFor();
  await chat.untilEnded();
  await questionsAre(chat, [SHORT, "From one of two tabs.", "From a tab that closes."]);
}

// On a phone the notice and the beginning of a short conversation both stand at the top.
async function nothingIsCovered(page, notice, question) {
  const wide = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  await until("room below the notice", async () => {
    const [above, below] = [await notice.boundingBox(), await question.locator(".bubble").boundingBox()];
    return above.y + above.height <= below.y;
  });
  await page.setViewportSize(wide);
}
