// The steps, in order: each is a sentence and stands on what the ones before it did.
import { ANSWER_MS, PATIENCE_MS } from "./browser.mjs";
import { letters_of, must, until } from "./chat.mjs";
import { durability } from "./durability.mjs";
import { headers } from "./headers.mjs";
import { accessibility, narrow } from "./looks.mjs";
import { sending } from "./sending.mjs";

const LONG = "Tell me a very long story about a lighthouse keeper and the sea. Write at least two thousand words.";

export const steps = [
  ["nginx sends the security headers with every status", headers],

  ["the first visitor becomes the administrator", async ({ page, chat, address, person, visitor, screenshots }) => {
    // Nobody is signed in yet, and the page has to ask.
    visitor.expect(/\/api\/auth\/refresh/);
    await page.goto(address);
    await page.getByRole("button", { name: "Create account" }).waitFor();
    await visitor.picture(screenshots, "sign-up");
    await chat.signUp(person);
    await visitor.picture(screenshots, "empty");
  }],

  ["the model picker shows every model and changes it", async ({ page, visitor, screenshots }) => {
    const picker = page.getByRole("button", { name: /^Model: / });
    for (const name of [/gemma/i, /smol/i]) {
      await picker.click();
      await visitor.picture(screenshots, "models");
      await page.getByRole("option", { name }).click();
      await until("the new model's name", async () => name.test(await picker.innerText()));
    }
  }],

  ["an answer is seen growing, to its end", async ({ chat, page, visitor, screenshots }) => {
    await chat.send("Explain in two or three sentences what a lighthouse is good for.");
    await chat.untilWriting(10);
    await visitor.picture(screenshots, "streaming");
    await chat.untilEnded();
    must(letters_of(await chat.answerText()).length > 20, "the answer is empty");
    must(/\/c\/[0-9a-f-]{36}/.test(page.url()), `the address names no conversation: ${page.url()}`);
  }],

  ["the model names the conversation", async ({ chat }) => {
    await until("a title", async () => {
      const names = await chat.list.getByRole("link").allInnerTexts();
      return names.some((name) => name.trim() !== "" && !/^(new chat|untitled|new conversation|oriel)$/i.test(name.trim()));
    }, ANSWER_MS);
  }],

  ["a reload in mid-answer shows the text at once and goes on to the end", async ({ chat, page }) => {
    await chat.send(LONG);
    await chat.untilWriting(200);
    // Below the text stand the model's name and its speed.
    const shown = letters_of(await chat.answerText()).slice(0, 100);
    await page.reload();
    await chat.answers.last().waitFor();
    const starts = async () => letters_of(await chat.answerText()).startsWith(shown);
    await until(`the text of before, ${shown}`, starts, PATIENCE_MS, async () => `\n  seen: ${await chat.answerText()}`);
    must(await chat.stopButton.isVisible(), "after the reload nothing is being written any more");
    const length = (await chat.answerText()).length;
    await until("more text", async () => (await chat.answerText()).length > length);
  }],

  ["Stop ends the answer and keeps its text", async ({ chat }) => {
    await chat.stopButton.click();
    await chat.untilEnded();
    const kept = await chat.answerText();
    must(letters_of(kept).length >= 100, "the stopped answer has lost its text");
  }],

  ["regenerating makes a sibling, and the pager leads back", async ({ chat, page }) => {
    const before = letters_of(await chat.answerText()).slice(0, 60);
    const answers = await chat.answers.count();
    await chat.answers.last().getByRole("button", { name: "Regenerate" }).click();
    await chat.untilWriting(10);
    await chat.stopButton.click();
    await chat.untilEnded();
    must((await chat.answers.count()) === answers, "the sibling stands below the old answer, not in its place");
    const pager = chat.answers.last();
    await pager.getByText("2 / 2").waitFor();
    await pager.getByRole("button", { name: "Previous version" }).click();
    await chat.answers.last().getByText("1 / 2").waitFor();
    await until("the first answer", async () => letters_of(await chat.answerText()).startsWith(before));
    await page.reload();
    await chat.answers.last().getByText("1 / 2").waitFor();
  }],

  ["an edited message begins a branch", async ({ chat }) => {
    const question = chat.questions.last();
    await question.hover();
    await question.getByRole("button", { name: "Edit" }).click();
    const editor = chat.page.getByRole("textbox", { name: "Edit message" });
    await editor.fill("Say hello to the keeper of the lighthouse.");
    await chat.page.getByRole("listitem").filter({ has: editor }).getByRole("button", { name: "Send" }).click();
    await chat.questions.last().getByText("Say hello to the keeper").waitFor();
    await chat.questions.last().getByText("2 / 2").waitFor();
    await chat.answers.last().waitFor();
    await chat.untilEnded();
  }],

  ["code has its language and a copy button that works", async ({ chat, visitor, page, address, screenshots }) => {
    await visitor.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: address });
    await chat.send("Repeat exactly this and nothing else:\n```rust\nfn main() {\n    println!(\"hello\");\n}\n```");
    await chat.untilEnded();
    // The person's own message holds the code, whatever the model makes of it.
    const block = chat.questions.last();
    await block.getByText("rust", { exact: false }).first().waitFor();
    const copy = block.getByRole("button", { name: /Copy code/ }).first();
    await copy.click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    must(copied.includes('println!("hello");') && !copied.includes("```"), `copied: ${copied}`);
    await visitor.picture(screenshots, "code");
  }],

  ["a conversation is renamed", async ({ chat, page }) => {
    await menu(chat, "Rename");
    const title = page.getByRole("textbox", { name: "Title of the conversation" });
    await title.fill("Lighthouses");
    await title.press("Enter");
    await chat.list.getByRole("link", { name: /Lighthouses/ }).waitFor();
    await page.reload();
    await chat.list.getByRole("link", { name: /Lighthouses/ }).waitFor();
  }],

  ["a deleted conversation comes back with Undo", async ({ chat, page }) => {
    await menu(chat, "Delete");
    await chat.list.getByRole("link", { name: /Lighthouses/ }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).click();
    await chat.list.getByRole("link", { name: /Lighthouses/ }).waitFor();
    await chat.list.getByRole("link", { name: /Lighthouses/ }).click();
    await chat.questions.first().waitFor();
  }],

  ["a conversation that no longer fits asks how to go on, and goes on without the oldest", async ({ chat, page, visitor, screenshots }) => {
    // The context of this Oriel is small: two of these do not fit.
    const many = "The sea is wide, and the lamp of the tower is bright. ".repeat(90);
    await chat.begin();
    await chat.send(`${many} Say yes.`);
    await chat.untilWriting(5);
    await chat.stop();
    await chat.send(`${many} Say no.`);
    await page.getByText("no longer fits the model").waitFor({ timeout: ANSWER_MS });
    await visitor.picture(screenshots, "does-not-fit");
    await page.getByRole("button", { name: /Go on without the oldest/ }).click();
    await page.getByText("Answered without the oldest").waitFor({ timeout: ANSWER_MS });
    await until("the answer", async () => letters_of(await chat.lastText()).length > 0, ANSWER_MS);
    await chat.end();
  }],

  ["a draft survives a reload", async ({ chat, page }) => {
    await chat.composer.fill("not sent yet");
    await page.reload();
    await until("the draft", async () => (await chat.composer.inputValue()) === "not sent yet");
    await chat.composer.fill("");
  }],

  ["the theme goes from light to dark and is remembered", async ({ page, visitor, screenshots }) => {
    const html = page.locator("html");
    const theme = () => html.getAttribute("data-theme");
    const before = await theme();
    const button = page.getByRole("button", { name: /theme/i }).first();
    await until("another theme", async () => {
      if ((await theme()) !== before) return true;
      await button.click();
      return (await theme()) !== before;
    });
    const after = await theme();
    await visitor.picture(screenshots, `desktop-${after}`);
    await page.reload();
    await until("the theme of before", async () => (await theme()) === after);
  }],

  ["a program gets a key, and loses it again", async (world) => {
    const { page, address, visitor, screenshots } = world;
    const before = page.url();
    await page.getByRole("button", { name: "Account" }).click();
    await page.getByRole("menuitem", { name: "API keys" }).click();
    await page.getByLabel("What is it for?").fill("My laptop");
    await page.keyboard.press("Enter");
    const secret = await page.locator("code", { hasText: /^sk-or-\w{43}$/ }).innerText();
    const status = async () => (await fetch(`${address}/v1/models`, { headers: { authorization: `Bearer ${secret}` } })).status;
    must((await status()) === 200, "the key opens nothing");
    await visitor.picture(screenshots, "keys");
    await accessibility(world, "keys", page.getByRole("heading", { name: "API keys" }));
    await page.getByRole("button", { name: "Revoke My laptop" }).click();
    await page.getByRole("button", { name: "Revoke now" }).click();
    await page.getByText("You have no keys yet.").waitFor();
    must((await status()) === 401, "a revoked key opens the door");
    await page.goto(before);
    await world.chat.questions.last().waitFor();
  }],

  ["nothing on the page breaks the rules of accessibility", async (world) => accessibility(world, "chat")],

  ["on a phone everything fits and the sidebar opens", narrow],

  ["who signs out with something unsent is asked, and leaves nothing behind", async ({ page, chat, person, visitor, screenshots }) => {
    const stored = (words) => page.evaluate((words) => JSON.stringify(Object.values(localStorage)).includes(words), words);
    const question = page.getByRole("dialog", { name: "A text of yours is not sent yet" });
    const leave = async () => {
      await page.getByRole("button", { name: "Account" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await question.getByText("Dear diary").waitFor();
    };
    await chat.composer.fill("Dear diary, nobody shall read this.");
    must(await stored("Dear diary"), "the draft would not survive a reload: this proves nothing");
    await leave();
    await visitor.pictures(screenshots, "unsent");
    await page.keyboard.press("Escape");
    await question.waitFor({ state: "detached" });
    must((await chat.composer.inputValue()).startsWith("Dear diary"), "staying has lost the draft");
    await leave();
    await page.getByRole("button", { name: "Delete and sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    must(!(await stored("Dear diary")), "the next person at this browser can read the draft");
    await chat.signIn(person);
    await chat.composer.waitFor();
    must((await chat.composer.inputValue()) === "", "the draft came back");
  }],

  ["who signs out is out, and comes back in", async ({ page, chat, person, visitor }) => {
    await chat.signOut();
    visitor.expect(/\/api\/auth\/login/);
    await chat.signIn({ ...person, password: "not the password" });
    await page.getByRole("alert").first().waitFor();
    await chat.signIn(person);
    await chat.list.getByRole("link", { name: /Lighthouses/ }).waitFor();
  }],

  ...durability,

  ...sending,

  ["over plain http from another machine it works too", async (world) => {
    if (!world.lanAddress) return;
    const visitor = await world.browser.visitor();
    visitor.expect(/\/api\/auth\/refresh/);
    const chat = new world.chat.constructor(visitor.page);
    await visitor.page.goto(world.lanAddress);
    must(!(await visitor.page.evaluate(() => isSecureContext)), "this address is a secure context: it proves nothing");
    await chat.signIn(world.person);
    await chat.list.getByRole("link", { name: /Lighthouses/ }).click();
    await chat.questions.last().getByRole("button", { name: /Copy code/ }).first().click();
    await chat.questions.last().getByText(/copied/i).first().waitFor();
    await visitor.page.reload();
    await chat.questions.last().waitFor();
    must(visitor.complaints.length === 0, visitor.complaints.join("\n"));
    await visitor.close();
  }],
];

async function menu(chat, item) {
  const row = chat.list.getByRole("listitem").first();
  await row.hover();
  await row.getByRole("button", { name: /more/i }).click();
  await chat.page.getByRole("menuitem", { name: item }).click();
}
