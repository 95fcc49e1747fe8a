// The same process once more, with settings of the engine that it takes from its environment at its start alone.

import { PLAIN_NAME } from "../front/layout.ts";
import { addressOf, cString, systemCall } from "./libc.ts";

/**
 * Begins anew with the same command line, unless one of the settings is given already. So it must not have done anything yet
 * that cannot be done again. Where the kernel refuses, it goes on without.
 */
export function beginWith(settings: Readonly<Record<string, string>>, argv: readonly string[]): void {
  for (const name in settings) if (process.env[name] !== undefined) return;
  const variables = Object.entries({ ...process.env, ...settings }).map(([name, value]) => `${name}=${value}`);
  const strings = [PLAIN_NAME, ...argv].map(cString);
  const environment = variables.map(cString);
  systemCall("execve", cString("/proc/self/exe").address, addressOf(pointersTo(strings)), addressOf(pointersTo(environment)));
}

const pointersTo = (strings: readonly { readonly address: number }[]): Uint8Array =>
  new Uint8Array(new BigUint64Array([...strings.map(({ address }) => BigInt(address)), 0n]).buffer);
