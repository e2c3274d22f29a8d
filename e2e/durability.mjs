// Nothing that was shown is lost and nothing that was sent: the services are killed for real, the network is cut, the
// page is closed in the middle. Each step watches that no text on the page ever did anything but grow.
import { ANSWER_MS } from "./browser.mjs";
import { Chat, must, until } from "./chat.mjs";
import { Growth } from "./growth.mjs";
import { SHORT, beginStory, processes } from "./story.mjs";

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
];

async function killedInMidAnswer(world, name) {
  const { chat, page } = world;
  const growth = await beginStory(world);
  const before = await chat.lastText();
  await processes(world).killAndSeeBack(name);
  await chat.untilGrown(80, before);
  await chat.end();
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

