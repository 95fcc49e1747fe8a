// What an image says of the programs that run in it (OCI image specification, config.md), as far as a bundle has it too.
// Labels are not among that: as annotations of a bundle they could give orders to whoever runs it.

import { type Digest, readDigest } from "./digest.ts";
import { asList, asObject, asText, asTexts } from "./json.ts";
import type { Platform } from "./platform.ts";

export type ImageConfig = Platform & {
  /** Of the layers decompressed, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly command: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  /** Empty when the image does not say. */
  readonly workdir: string;
  /** `USER[:GROUP]`, names or numbers; empty when the image does not say. */
  readonly user: string;
};

/** `where` names it in messages. Throws a BoxError for what is no configuration of an image. */
export function readImageConfig(json: unknown, where: string): ImageConfig {
  const { os, architecture, variant, config, rootfs } = asObject(json, where);
  const { Entrypoint, Cmd, Env, WorkingDir, User } = (config ?? null) === null ? {} : asObject(config, `${where}: config`);
  const at = (name: string): string => `${where}: config.${name}`;
  return {
    os: asText(os, `${where}: os`),
    architecture: asText(architecture, `${where}: architecture`),
    ...(typeof variant === "string" && variant !== "" ? { variant } : {}),
    diffIds: asList(asObject(rootfs, `${where}: rootfs`).diff_ids, `${where}: rootfs.diff_ids`).map((one, index) =>
      readDigest(one, `${where}: rootfs.diff_ids[${index}]`),
    ),
    command: [...asTexts(Entrypoint, at("Entrypoint")), ...asTexts(Cmd, at("Cmd"))],
    env: asTexts(Env, at("Env")),
    workdir: asText(WorkingDir ?? "", at("WorkingDir")),
    user: asText(User ?? "", at("User")),
  };
}
