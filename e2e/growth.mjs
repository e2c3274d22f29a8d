// What a person saw stays: every text on the page only ever grows, and no error pops up for what heals by itself.
// The watch sees every change of the page, not samples of it.
import { must } from "./chat.mjs";

export class Growth {
  constructor(page) {
    this.page = page;
  }

  // From now on. A reload ends the watch; what was seen is carried over with `go_on`.
  async watch(seen = {}) {
    await this.page.evaluate((seen) => {
      globalThis.growth?.observer.disconnect();
      const state = { seen, html: {}, broken: [], notes: [] };
      // Numbers apart: that of a list is text until the dot after it has come.
      const letters = (text) => text.replace(/[^\p{Letter}]/gu, "");
      const look = () => {
        [...document.querySelectorAll('article[aria-label="Answer"]')].forEach((article, index) => {
          // The text of the answer alone: what stands below it counts tokens.
          const prose = article.querySelector(":scope > .prose");
          const text = letters(prose?.textContent ?? "");
          const key = `${location.pathname} ${index}`;
          const before = state.seen[key] ?? "";
          const html = prose?.innerHTML.slice(-400) ?? "";
          if (!text.startsWith(before)) state.broken.push({ key, before, text, html_before: state.html[key], html });
          state.seen[key] = text;
          state.html[key] = html;
        });
        for (const close of document.querySelectorAll('[aria-label="Close this note"]')) {
          const note = close.parentElement.innerText.trim();
          if (!state.notes.includes(note)) state.notes.push(note);
        }
      };
      state.observer = new MutationObserver(look);
      state.observer.observe(document, { subtree: true, childList: true, characterData: true });
      globalThis.growth = state;
      look();
    }, seen);
  }

  seen() {
    return this.page.evaluate(() => globalThis.growth.seen);
  }

  async mustHold() {
    const { broken, notes } = await this.page.evaluate(() => ({ broken: globalThis.growth.broken, notes: globalThis.growth.notes }));
    const [first] = broken;
    if (first) {
      const same = [...first.before].findIndex((letter, index) => first.text[index] !== letter);
      throw new Error(`a text that was shown has changed ${broken.length} times, first in answer ${first.key} after ${same} of ` +
        `${first.before.length} letters:\n  before: …${first.before.slice(Math.max(0, same - 20), same + 60)}\n  after:  …${first.text.slice(Math.max(0, same - 20), same + 60)}\n` +
        `  end before: ${first.html_before}\n  end after:  ${first.html}`);
    }
    must(notes.length === 0, `notes popped up: ${notes.join(" | ")}`);
  }
}
