// The machines that an image may be for, in the words of Go, which manifests use (OCI image specification, image-index.md).

import { BoxError } from "../errors.ts";

export type Platform = { readonly os: string; readonly architecture: string; readonly variant?: string };

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
/** What a manifest may say without meaning another machine. */
const usualVariants: Readonly<Record<string, string>> = { arm64: "v8" };

export const hostPlatform = (arch: string = process.arch): Platform => ({ os: "linux", architecture: architectures[arch] ?? arch });

/** `linux/arm64/v8` */
export function readPlatform(text: string): Platform {
  const [os = "", architecture = "", variant, ...more] = text.split("/");
  if (os === "" || architecture === "" || variant === "" || more.length > 0)
    throw new BoxError({ origin: "--platform", what: `expected OS/ARCHITECTURE[/VARIANT], got ${JSON.stringify(text)}` });
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

export const showPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");

/** Whether something for `one` is what was asked for. */
export function isFor(one: Platform, wanted: Platform): boolean {
  const usual = usualVariants[one.architecture];
  const variant = (platform: Platform): string | undefined => platform.variant ?? usual;
  return (
    one.os === wanted.os && one.architecture === wanted.architecture && (wanted.variant === undefined || variant(one) === variant(wanted))
  );
}
