// Images for tests, as an OCI layout or as `docker save` writes them.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { hostPlatform } from "../../src/bundle/platform.ts";
import { type TestEntry, tarOf } from "./make-tar.ts";

export type TestImage = {
  readonly layers: readonly (readonly TestEntry[])[];
  /** The part of the configuration about its programs. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
  readonly name?: string;
  readonly compress?: "gzip" | "zstd";
};

type Files = Record<string, Uint8Array | string>;

export const sha256 = (bytes: Uint8Array | string): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

const configOf = ({ config = {}, architecture }: TestImage, layers: readonly Uint8Array[]): string =>
  JSON.stringify({
    os: "linux",
    architecture: architecture ?? hostPlatform().architecture,
    config,
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
  });

function compressed(layer: Uint8Array, how: TestImage["compress"]): Uint8Array {
  const copy = Uint8Array.from(layer);
  return how === "gzip" ? Bun.gzipSync(copy) : how === "zstd" ? zstdCompressSync(copy) : layer;
}

/** Files of an OCI layout by their paths. With `nested` the images are in an index of their own, a platform each. */
export function layoutOf(images: readonly TestImage[], nested = false): Files {
  const files: Files = { "oci-layout": '{"imageLayoutVersion":"1.0.0"}' };
  const add = (mediaType: string, bytes: Uint8Array | string) => {
    const hex = sha256(bytes);
    files[`blobs/sha256/${hex}`] = bytes;
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.from(bytes).length };
  };
  const manifests = images.map((image) => {
    const layers = image.layers.map(tarOf);
    const config = add("application/vnd.oci.image.config.v1+json", configOf(image, layers));
    const ending = image.compress === undefined ? "" : `+${image.compress}`;
    const blobs = layers.map((layer) => add(`application/vnd.oci.image.layer.v1.tar${ending}`, compressed(layer, image.compress)));
    const manifest = add("application/vnd.oci.image.manifest.v1+json", JSON.stringify({ schemaVersion: 2, config, layers: blobs }));
    return {
      ...manifest,
      ...(image.architecture === undefined ? {} : { platform: { os: "linux", architecture: image.architecture } }),
      ...(image.name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": image.name } }),
    };
  });
  const index = nested ? [add("application/vnd.oci.image.index.v1+json", JSON.stringify({ schemaVersion: 2, manifests }))] : manifests;
  files["index.json"] = JSON.stringify({ schemaVersion: 2, manifests: index });
  return files;
}

/** Files as `docker save` has them. */
export function dockerOf(images: readonly TestImage[]): Files {
  const files: Files = {};
  const manifests = images.map((image) => {
    const layers = image.layers.map(tarOf);
    const config = configOf(image, layers);
    const paths = layers.map((layer) => `${sha256(layer)}.tar`);
    for (const [index, path] of paths.entries()) files[path] = compressed(layers[index] as Uint8Array, image.compress);
    files[`${sha256(config)}.json`] = config;
    return { Config: `${sha256(config)}.json`, RepoTags: image.name === undefined ? null : [image.name], Layers: paths };
  });
  files["manifest.json"] = JSON.stringify(manifests);
  return files;
}

export const archiveOf = (files: Files): Uint8Array => tarOf(Object.entries(files).map(([path, content]) => ({ path, content })));

export function writeFiles(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(`${folder}/${path}`), { recursive: true });
    writeFileSync(`${folder}/${path}`, content);
  }
}
