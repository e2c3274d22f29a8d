// Chromium, and what it complains about: a page that works but complains has failed.
import { mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

// As long as a slow machine may take for anything that is not an answer.
export const PATIENCE_MS = 30_000;
// As long as a small model may take for a long answer on a busy machine.
export const ANSWER_MS = 180_000;

const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function openBrowser() {
  const executablePath = candidates.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("there is no Chromium: install it, or name it in CHROMIUM");
  // As root, as in a container, Chromium refuses its own sandbox.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath, args });
  return {
    visitor: async (options = {}) => new Visitor(await browser.newContext(options)).open(),
    close: () => browser.close(),
  };
}

export class Visitor {
  complaints = [];
  #expected = [];

  constructor(context) {
    this.context = context;
  }

  async open() {
    this.context.setDefaultTimeout(PATIENCE_MS);
    await this.context.exposeBinding("tellOfViolation", (_, what) => this.complaints.push(what));
    await this.context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) =>
        globalThis.tellOfViolation(`CSP: ${event.violatedDirective} refused ${event.blockedURI} (${event.sourceFile})`),
      );
    });
    this.page = await this.context.newPage();
    this.page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    this.page.on("console", (message) => {
      const text = message.text();
      if (message.type() !== "error" && message.type() !== "warning") return;
      if (this.#expected.some((pattern) => pattern.test(text + message.location().url))) return;
      this.complaints.push(`console ${message.type()}: ${text} (${message.location().url})`);
    });
    return this;
  }

  // A refusal that belongs to a step, such as a wrong password.
  expect(pattern) {
    this.#expected.push(pattern);
  }

  mustBeQuiet() {
    if (this.complaints.length > 0) throw new Error("the browser complained");
  }

  async picture(directory, name) {
    if (!directory) return;
    await mkdir(directory, { recursive: true });
    await this.rest();
    await this.page.screenshot({ path: join(directory, `${name}.png`), animations: "disabled" });
  }

  // Desktop and phone, light and dark.
  async pictures(directory, name) {
    if (!directory) return;
    const { page } = this;
    const wide = page.viewportSize();
    const theme = await page.evaluate(() => document.documentElement.getAttribute("data-theme"));
    const show = (scheme) => page.evaluate((scheme) => document.documentElement.setAttribute("data-theme", scheme), scheme);
    for (const [kind, size] of [["desktop", wide], ["phone", { width: 390, height: 844 }]]) {
      await page.setViewportSize(size);
      for (const scheme of ["light", "dark"]) {
        await show(scheme);
        await this.picture(directory, `${name}-${kind}-${scheme}`);
      }
    }
    await page.setViewportSize(wide);
    await show(theme ?? "");
  }

  // Until nothing moves any more but what moves for ever: a theme comes as a transition of the whole page.
  rest() {
    return this.page.evaluate(async () => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      for (let quiet = 0; quiet < 2; ) {
        await frame();
        const moving = document.getAnimations().filter(
          ({ playState, effect }) => playState === "running" && effect?.getComputedTiming().endTime !== Infinity);
        quiet = moving.length === 0 ? quiet + 1 : 0;
      }
    });
  }

  async outline() {
    const text = await this.page.locator("body").ariaSnapshot().catch((error) => String(error));
    return text.replace(/^(.{200}).*$/gm, "$1 …");
  }

  close() {
    return this.context.close();
  }
}
