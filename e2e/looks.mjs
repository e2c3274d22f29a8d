// How it looks: on a phone, in both themes, and to people who do not see it.
import { createRequire } from "node:module";
import { must, until } from "./chat.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

// The rules of axe-core that keep somebody out.
export async function accessibility({ visitor, page }, what, ready = page.getByRole("article")) {
  const { readFile } = await import("node:fs/promises");
  await ready.first().waitFor();
  // The page's policy lets no foreign script in; the browser's own debugger may.
  await page.evaluate(await readFile(axe, "utf8"));
  const violations = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return result.violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.map((node) => node.html.slice(0, 160)).join("\n    ")}`);
  });
  must(violations.length === 0, `${what} breaks:\n  ${violations.join("\n  ")}`);
  visitor.mustBeQuiet();
}

export async function narrow({ page, chat, visitor, screenshots }) {
  const wide = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  await until("a page as wide as the phone", () =>
    page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  await chat.composer.waitFor();
  for (const scheme of ["light", "dark"]) {
    await page.evaluate((theme) => document.documentElement.setAttribute("data-theme", theme), scheme);
    await visitor.picture(screenshots, `phone-${scheme}`);
  }
  await page.getByRole("button", { name: /open (the )?sidebar/i }).click();
  await chat.list.getByRole("link").first().waitFor();
  await visitor.picture(screenshots, "phone-sidebar");
  await page.keyboard.press("Escape");
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("main button, header button")]
      .map((button) => ({ name: button.ariaLabel ?? button.innerText, box: button.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24))
      .map(({ name }) => name));
  must(small.length === 0, `too small for a finger: ${small.join(", ")}`);
  await page.setViewportSize(wide);
}
