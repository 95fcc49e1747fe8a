// Addresses of the front for a Bun macro to write into the program: the assembler is not part of it. Import it `with
// { type: "macro" }`.

import { frontAddresses } from "./build-front.ts";

export const encodeFrontAddresses = (): { mark: number; resume: number } => frontAddresses();
