// Nothing that was shown is lost and nothing that was sent: the services are killed for real, the network is cut, the
// page is closed in the middle. Each step watches that no text on the page ever did anything but grow.
import { ANSWER_MS, PATIENCE_MS } from "./browser.mjs";
import { Chat, must, until } from "./chat.mjs";
import { Growth } from "./growth.mjs";
import { Processes } from "./processes.mjs";

const STORY = "Tell me a very long story about a lighthouse keeper and the sea. Write at least two thousand words.";
const SHORT = "Say hello in one short sentence.";

export const durability = [
  ["a killed server goes on with the answer by itself", (world) => killedInMidAnswer(world, "oriel")],
  ["a killed engine is not noticed", (world) => killedInMidAnswer(world, "worker")],
  ["a killed nginx is not noticed", (world) => killedInMidAnswer(world, "nginx")],
  ["a killed database is not noticed", (world) => killedInMidAnswer(world, "postgres")],

  ["an engine that dies twice ends the answer, and Continue goes on with it in its place", async (world) => {
    const { chat, page, visitor, screenshots } = world;
    const growth = await beginStory(world);
    await processes(world).killAndSeeBack("worker");
    await chat.untilGrown(60);
    processes(world).kill("worker");
    await page.getByRole("button", { name: "Continue" }).waitFor({ timeout: ANSWER_MS });
    await visitor.pictures(screenshots, "failed-answer");
    await goOn(world, growth);
  }],

  ["a stopped answer goes on where it was stopped", async (world) => {
    const { chat, page, visitor, screenshots } = world;
    const growth = await beginStory(world);
    await chat.stop();
    await page.getByRole("button", { name: "Continue" }).waitFor();
    await visitor.pictures(screenshots, "stopped-answer");
    await goOn(world, growth);
    await page.reload();
    await chat.answers.last().waitFor();
    must((await page.getByRole("group", { name: "Versions" }).count()) === 0, "the pager counts what was gone on with");
  }],

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

  ["two devices read the same answer, and either of them stops it", async (world) => {
    const { chat, page, address, browser, person, screenshots } = world;
    const other = await browser.visitor();
    other.expect(/\/api\/auth\/refresh/);
    const there = new Chat(other.page);
    await other.page.goto(address);
    await there.signIn(person);
    await there.composer.waitFor();
    const rows = await there.list.getByRole("link").count();

    const growth = await beginStory(world);
    await until("the new conversation on the other device", async () => (await there.list.getByRole("link").count()) > rows);
    await other.page.goto(page.url());
    await there.untilWriting(100);
    const growthThere = new Growth(other.page);
    await growthThere.watch();
    await there.untilGrown(60);
    await there.stop();
    await chat.untilEnded();
    must((await chat.lastText()) === (await there.lastText()), "the two devices do not show the same");

    await page.getByRole("button", { name: "Continue" }).click();
    await there.writing.waitFor();
    await there.untilGrown(60);
    await chat.stop();
    await there.untilEnded();
    must((await chat.lastText()) === (await there.lastText()), "the two devices do not show the same after Continue");
    await growth.mustHold();
    await growthThere.mustHold();

    await chat.answers.last().getByRole("button", { name: "Regenerate" }).click();
    await there.answers.last().getByText("/ 2").waitFor();
    await chat.untilWriting(20);
    await chat.stop();
    await chat.send(SHORT);
    await chat.answers.nth(1).waitFor();
    await chat.untilEnded();
    await other.page.reload();
    await there.answers.nth(1).waitFor();
    must((await there.lastText()) === (await chat.lastText()), "a fresh look does not show the same");
    await other.picture(screenshots, "other-device");
    must(other.complaints.length === 0, other.complaints.join("\n"));
    await other.close();
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

  ["of two tabs one sends", async (world) => {
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
    await page.evaluate(() => {
      globalThis.ahead_ms = 61_000;
      dispatchEvent(new Event("offline"));
    });
    await page.getByRole("button", { name: "Try now" }).waitFor();
    await visitor.pictures(screenshots, "long-outage");
    await page.unroute("**/api/**");
    await page.getByRole("button", { name: "Try now" }).click();
    await page.getByRole("button", { name: "Try now" }).waitFor({ state: "detached" });
    must((await page.getByRole("button", { name: "Close this note" }).count()) === 0, "a note popped up");
    must(visitor.complaints.length === 0, visitor.complaints.join("\n"));
    await visitor.close();
  }],
];

function processes(world) {
  world.processes ??= new Processes(world.data);
  return world.processes;
}

// A new conversation with an answer under way, and a watch over the page.
async function beginStory({ chat, page, visitor }) {
  // What a browser says of a line that breaks.
  visitor.expect(/ERR_|Failed to load resource|status of (401|409|502|503|504)/);
  await chat.begin();
  await chat.send(STORY);
  await chat.untilWriting(120);
  const growth = new Growth(page);
  await growth.watch();
  return growth;
}

async function beginShort({ chat, visitor }) {
  visitor.expect(/ERR_|Failed to load resource|status of (401|409|502|503|504)/);
  await chat.begin();
  await chat.send(SHORT);
  await chat.answers.first().waitFor();
  await chat.untilEnded();
}

// The browser refuses new connections but leaves the open ones alone: those are cut at their other end.
async function goOffline(world) {
  await world.visitor.context.setOffline(true);
  await processes(world).killAndSeeBack("nginx");
}

async function killedInMidAnswer(world, name) {
  const { chat, page } = world;
  const growth = await beginStory(world);
  await processes(world).killAndSeeBack(name);
  await chat.untilGrown(80);
  await chat.stop();
  const text = await chat.lastText();
  await growth.mustHold();
  await page.reload();
  await chat.answers.last().waitFor();
  must((await chat.lastText()) === text, "after a reload the answer is not what it was");
}

async function goOn({ chat, page }, growth) {
  await page.getByRole("button", { name: "Continue" }).click();
  await chat.writing.waitFor();
  await chat.untilGrown(60);
  must((await chat.answers.count()) === 1, "the answer that goes on stands beside the old one");
  await chat.stop();
  await growth.mustHold();
}

async function questionsAre(chat, expected) {
  // What is far off the screen is not laid out, and has no innerText.
  const shown = () => chat.questions.locator(".bubble").allTextContents();
  await until(`the messages ${expected.join(" / ")}`, async () => (await shown()).join("|") === expected.join("|"), PATIENCE_MS,
    async () => `\n  seen: ${(await shown()).join(" / ")}`);
}
