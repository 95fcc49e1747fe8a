// Signals by number, the same on x86-64 and aarch64 (signal(7), include/uapi/asm-generic/signal.h), and how people
// write them: `SIGTERM`, `term`, `15`, `RTMIN+3`.

export const signals = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

export type SignalName = keyof typeof signals;

/** Second names. */
const aliases: Readonly<Record<string, number>> = { SIGIOT: 6, SIGCLD: 17, SIGPOLL: 29 };

/** As libc counts, and so as stop signals in images are meant: the kernel's first two, 32 and 33, are libc's own. */
const RTMIN = 34;
const RTMAX = 64;

/**
 * A signal as written by a person or a client: a name with or without SIG, in either case, or a number. 0 is valid to
 * kill(2) and sends nothing, so compare the result with undefined.
 */
export function parseSignal(text: string): number | undefined {
  const number = numberOf(text);
  if (number !== undefined) return number <= RTMAX ? number : undefined;
  const usual = signals[(text.startsWith("SIG") ? text : `SIG${text}`) as SignalName];
  // Anything else is what every object has.
  if (typeof usual === "number") return usual;
  // ASCII only: toUpperCase makes an S of ſ.
  if (!/^[A-Za-z0-9+-]+$/.test(text)) return undefined;
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  if (Object.hasOwn(signals, name)) return signals[name as SignalName];
  if (Object.hasOwn(aliases, name)) return aliases[name];
  return parseRealTime(name);
}

/** Of one or two digits, and no regular expression: its first use costs 0.06 ms of a kill. */
function numberOf(text: string): number | undefined {
  let number = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (at > 1 || digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return text === "" ? undefined : number;
}

function parseRealTime(name: string): number | undefined {
  const match = /^SIG(?:RTMIN(?:\+(?<up>\d{1,2}))?|RTMAX(?:-(?<down>\d{1,2}))?)$/.exec(name);
  if (match === null) return undefined;
  const number = name.startsWith("SIGRTMIN") ? RTMIN + Number(match.groups?.up ?? 0) : RTMAX - Number(match.groups?.down ?? 0);
  return number >= RTMIN && number <= RTMAX ? number : undefined;
}

/** `SIGTERM` for 15, `SIGRTMIN+3` for 37, `signal 32` for a number without a name. */
export function signalName(number: number): string {
  for (const name in signals) if (signals[name as SignalName] === number) return name;
  if (number < RTMIN || number > RTMAX) return `signal ${number}`;
  const [from, distance] = number - RTMIN <= RTMAX - number ? ["SIGRTMIN+", number - RTMIN] : ["SIGRTMAX-", RTMAX - number];
  return distance === 0 ? from.slice(0, -1) : `${from}${distance}`;
}
