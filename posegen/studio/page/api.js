// Requests to the studio's server, and what is done where it does not answer.

export class Trouble extends Error {
  constructor(sentence, status) { super(sentence); this.status = status; }
}

const GONE = "The server does not answer; start it again, and open the address that it prints.";
const listeners = { lost: [], back: [] };
let lost = false;

// `lost` gets a sentence when the server is gone or wants its new token; `back` follows.
export function on(event, listener) { listeners[event].push(listener); }
function tell(event, detail) { for (const listener of listeners[event]) listener(detail); }

export async function ask(path, body, type = "application/json") {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? {} : {
      method: "POST",
      headers: { "content-type": type },
      body: type === "application/json" ? JSON.stringify(body) : body,
    });
  } catch {
    wait(GONE);
    throw new Trouble(GONE, 0);
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const sentence = said.error || `The server answers with an error (${answer.status}).`;
  if (answer.status === 401) wait(GONE);
  throw new Trouble(sentence, answer.status);
}

export const json = async (path, body, type) => (await ask(path, body, type)).json();

// Ask every second until the server answers; a reload is not needed.
function wait(sentence) {
  if (lost) return;
  lost = true;
  tell("lost", sentence);
  const timer = setInterval(async () => {
    const answer = await fetch("/api/about").catch(() => null);
    if (!answer?.ok) return;
    clearInterval(timer);
    lost = false;
    tell("back", await answer.json());
  }, 1000);
}

// One piece of work at a time; of what comes meanwhile, the newest is done and the rest is not.
export class Newest {
  constructor(work) { this.work = work; this.running = false; this.next = null; }

  do(...what) {
    this.next = what;
    if (!this.running) this.run();
  }

  async run() {
    this.running = true;
    while (this.next) {
      const what = this.next;
      this.next = null;
      await this.work(...what);
    }
    this.running = false;
  }
}
