// Whether a descriptor leads to a terminal.

import { flags } from "../linux/flags.ts";
import { addressOf, systemCall } from "./libc.ts";

export const isTerminal = (fd: number): boolean => systemCall("ioctl", fd, flags.IOCTL.TCGETS, addressOf(new Uint8Array(64))) === 0;
