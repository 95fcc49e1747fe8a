// box --help and box COMMAND --help, made from the tables of commands and flags.

import { writeLine } from "../execute/write-line.ts";
import type { FlagRow } from "./arguments.ts";
import { commandNamed, commands, globalFlags } from "./commands.ts";

export async function printHelp(name: string | undefined): Promise<number> {
  writeLine(name === undefined ? overview() : await commandHelp(name));
  return 0;
}

function overview(): string {
  const shown = Object.entries(commands).filter(([, { hidden }]) => hidden !== true);
  const lines = ["box runs Linux containers.", "", "usage: box [global flags] COMMAND", ""];
  for (const [name, { help }] of shown) lines.push(`  ${name.padEnd(10)} ${help}`);
  return [...lines, "", "global flags:", ...globalFlags.map(flagLine), "", "box COMMAND --help shows a command's flags."].join("\n");
}

async function commandHelp(name: string): Promise<string> {
  const command = commandNamed(name);
  const { flags } = await command.load();
  return [
    `usage: box ${command.synopsis}`,
    "",
    command.help,
    "",
    "flags:",
    ...flags.filter(({ hidden }) => hidden !== true).map(flagLine),
  ].join("\n");
}

function flagLine({ name, short, value, optional, help }: FlagRow): string {
  const shown = value === undefined ? "" : optional === true ? `[=${value}]` : ` ${value}`;
  const words = `${short === undefined ? "    " : `-${short}, `}--${name}${shown}`;
  return `  ${words.padEnd(30)} ${help}`;
}
