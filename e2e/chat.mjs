// The page as a person names its parts: roles and accessible names, never CSS classes.
import { ANSWER_MS, PATIENCE_MS } from "./browser.mjs";

export class Chat {
  constructor(page) {
    this.page = page;
    this.composer = page.getByRole("textbox", { name: "Message", exact: true });
    this.sendButton = page.getByRole("button", { name: "Send", exact: true });
    this.stopButton = page.getByRole("button", { name: "Stop", exact: true });
    this.answers = page.getByRole("article", { name: "Answer" });
    this.writing = page.locator('[aria-label="Answer"][aria-busy="true"]');
    this.questions = page.getByRole("article", { name: "You" });
    this.waiting = page.getByRole("article", { name: "You, not sent yet" });
    this.list = page.getByRole("navigation", { name: "Conversations" });
  }

  async begin() {
    await this.page.getByRole("link", { name: "New chat" }).first().click();
    await until("a new chat", async () => new URL(this.page.url()).pathname === "/");
    await until("no answer", async () => (await this.answers.count()) === 0);
  }

  async signOut() {
    await this.page.getByRole("button", { name: /account/i }).click();
    await this.page.getByRole("menuitem", { name: "Sign out" }).click();
    await this.page.getByRole("button", { name: "Sign in" }).waitFor();
  }

  // The text of the last answer, without what stands below it; empty before its first word.
  async lastText() {
    return (await this.answers.last().locator(".prose").allTextContents()).at(-1) ?? "";
  }

  async signUp({ name, email, password }) {
    await this.page.getByRole("textbox", { name: "Name" }).fill(name);
    await this.page.getByRole("textbox", { name: "Email" }).fill(email);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.page.getByRole("button", { name: "Create account" }).click();
    await this.composer.waitFor();
  }

  async signIn({ email, password }) {
    await this.page.getByRole("textbox", { name: "Email" }).fill(email);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  async send(text) {
    await this.composer.fill(text);
    await this.sendButton.click();
  }

  answerText() {
    return this.answers.last().innerText();
  }

  // Until at least `letters` of an answer are shown that is still being written.
  async untilWriting(letters) {
    await this.writing.waitFor({ timeout: ANSWER_MS });
    await until(`${letters} letters of an answer`, async () => {
      if ((await this.writing.count()) === 0) throw new Error("the answer had ended before it could be seen growing");
      return letters_of(await this.lastText()).length >= letters;
    }, ANSWER_MS);
  }

  // Until the answer has grown by itself, since it was this text or since now.
  async untilGrown(letters, since) {
    const before = letters_of(since ?? (await this.lastText())).length;
    await until(`${letters} more letters`, async () => letters_of(await this.lastText()).length >= before + letters, ANSWER_MS);
  }

  async stop() {
    await this.stopButton.click();
    await this.untilEnded();
  }

  // Ends an answer of which enough was seen, unless it has just ended by itself.
  async end() {
    if (await this.stopButton.isVisible()) await this.stopButton.click({ timeout: 2_000 }).catch(() => {});
    await this.untilEnded();
  }

  async untilEnded() {
    await this.stopButton.waitFor({ state: "hidden", timeout: ANSWER_MS });
    await this.sendButton.waitFor();
  }
}

// What is read, whatever its layout: half-written Markdown changes its marks while it grows.
export function letters_of(text) {
  return text.replace(/[^\p{Letter}\p{Number}]/gu, "");
}

// Waits for a condition that no locator can tell. Asks again on every frame of the event loop; never sleeps blindly.
export async function until(what, holds, patience_ms = PATIENCE_MS, seen = async () => "") {
  const deadline = performance.now() + patience_ms;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${patience_ms} ms in vain for ${what} ${await seen()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function must(condition, complaint) {
  if (!condition) throw new Error(complaint);
}
