// What the steps about broken lines and killed services begin with.
import { PATIENCE_MS } from "./browser.mjs";
import { until } from "./chat.mjs";
import { Growth } from "./growth.mjs";
import { Processes } from "./processes.mjs";

export const STORY = "Tell me a very long story about a lighthouse keeper and the sea. Write at least two thousand words.";
export const SHORT = "Say hello in one short sentence.";
// What a browser says of a line that breaks.
export const BROKEN_LINE = /ERR_|Failed to load resource|status of (401|409|502|503|504)/;

export function processes(world) {
  world.processes ??= new Processes(world.data);
  return world.processes;
}

// A new conversation with an answer under way, and a watch over the page.
export async function beginStory({ chat, page, visitor }) {
  visitor.expect(BROKEN_LINE);
  await chat.begin();
  await chat.send(STORY);
  await chat.untilWriting(120);
  const growth = new Growth(page);
  await growth.watch();
  return growth;
}

export async function beginShort({ chat, visitor }) {
  visitor.expect(BROKEN_LINE);
  await chat.begin();
  await chat.send(SHORT);
  await chat.answers.first().waitFor();
  await chat.untilEnded();
}

// The browser refuses new connections but leaves the open ones alone: those are cut at their other end.
export async function goOffline(world) {
  await world.visitor.context.setOffline(true);
  await processes(world).killAndSeeBack("nginx");
}

export async function questionsAre(chat, expected) {
  // What is far off the screen is not laid out, and has no innerText.
  const shown = () => chat.questions.locator(".bubble").allTextContents();
  await until(`the messages ${expected.join(" / ")}`, async () => (await shown()).join("|") === expected.join("|"), PATIENCE_MS,
    async () => `\n  seen: ${(await shown()).join(" / ")}`);
}
