// One person's way through Oriel: through nginx, with a real model, in a real Chromium.
// Run by `cargo xtask test journey`, which starts everything and says where it is:
//   ORIEL_ADDRESS       the page, on loopback
//   ORIEL_LAN_ADDRESS   the same over plain http from another address of this machine; may be missing
//   ORIEL_DATA          its data directory, by which its processes are found and killed
//   ORIEL_SCREENSHOTS   a directory for pictures to look at; may be missing
//   ORIEL_STEPS         a pattern: only the steps whose sentence fits, after an account is made and a model chosen; may be missing
import { openBrowser } from "./browser.mjs";
import { Chat } from "./chat.mjs";
import { steps as all } from "./steps.mjs";

const address = process.env.ORIEL_ADDRESS;
if (!address) {
  console.error("ORIEL_ADDRESS is not set: run this with `cargo xtask test journey`");
  process.exit(2);
}

const only = process.env.ORIEL_STEPS && new RegExp(process.env.ORIEL_STEPS);
const steps = all.filter(([sentence]) => !only || only.test(sentence) || /becomes the administrator|model picker/.test(sentence));

const browser = await openBrowser();
const visitor = await browser.visitor();
const world = {
  address,
  data: process.env.ORIEL_DATA,
  lanAddress: process.env.ORIEL_LAN_ADDRESS,
  screenshots: process.env.ORIEL_SCREENSHOTS,
  browser,
  visitor,
  page: visitor.page,
  chat: new Chat(visitor.page),
  person: { name: "Ada Lovelace", email: "ada@example.org", password: "analytical engine 1843" },
};

let passed = 0;
let failed = 0;
for (const [sentence, walk] of steps) {
  const started = performance.now();
  try {
    await walk(world);
    world.visitor.mustBeQuiet();
    passed += 1;
    console.log(`  ok ${sentence} (${Math.round(performance.now() - started)} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`  FAILED ${sentence}`);
    console.log(String(error.stack ?? error).replace(/^/gm, "    "));
    for (const complaint of world.visitor.complaints) console.log(`    the browser said: ${complaint}`);
    await world.visitor.picture(world.screenshots, "failed");
    console.log(`    the page said:\n${(await world.visitor.outline()).replace(/^/gm, "      ")}`);
    break; // What follows stands on this step.
  }
}
await browser.close();
console.log(`journey: ${passed} passed, ${failed} failed, ${steps.length - passed - failed} not walked`);
process.exitCode = failed === 0 ? 0 : 1;
