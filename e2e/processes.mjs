// The processes of the Oriel under test, found by its data directory, and killed for real.
import { readFileSync, readdirSync } from "node:fs";
import { until } from "./chat.mjs";

function read(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return ""; // It has just ended.
  }
}

const all = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
const words = (pid) => read(pid, "cmdline").split("\0");
const parent = (pid) => Number(/^PPid:\s*(\d+)/m.exec(read(pid, "status"))?.[1]);

export class Processes {
  constructor(data) {
    this.data = data;
  }

  find(name) {
    switch (name) {
      case "oriel":
        return all().filter((pid) => words(pid)[0].endsWith("/oriel") && words(pid)[1] === "serve"
          && read(pid, "environ").split("\0").includes(`DATA_DIR=${this.data}`));
      case "worker":
        return all().filter((pid) => words(pid)[0].endsWith("/oriel-engine") && this.find("oriel").includes(parent(pid)));
      case "nginx": {
        const masters = all().filter((pid) => read(pid, "cmdline").startsWith("nginx: master")
          && read(pid, "cmdline").includes(this.data));
        return [...masters, ...all().filter((pid) => masters.includes(parent(pid)))];
      }
      case "postgres": {
        const file = `${this.data}/postgres/data/postmaster.pid`;
        const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
        return read(pid, "cmdline").includes("postgres") ? [pid] : [];
      }
      default:
        throw new Error(`no such process: ${name}`);
    }
  }

  // Kills every process of that name outright. What it was doing it does not finish.
  kill(name) {
    const pids = this.find(name);
    if (pids.length === 0) throw new Error(`there is no ${name} to kill`);
    for (const pid of pids) process.kill(pid, "SIGKILL");
    return pids;
  }

  async killAndSeeBack(name) {
    const killed = this.kill(name);
    await until(`another ${name}`, () => {
      try {
        return this.find(name).some((pid) => !killed.includes(pid));
      } catch {
        return false;
      }
    });
  }

  pause(name) {
    for (const pid of this.find(name)) process.kill(pid, "SIGSTOP");
  }

  goOn(name) {
    for (const pid of this.find(name)) process.kill(pid, "SIGCONT");
  }
}
