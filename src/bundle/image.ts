// An image in a store: which one is meant, its configuration and its layers, lowest first. OCI layouts and what `docker
// save` writes. Each blob is named by its digest and held to it; of the layers that is left to whoever reads them.

import { BoxError } from "../errors.ts";
import { type Blob, readSmall } from "./blob.ts";
import { type Digest, Digester, readDigest } from "./digest.ts";
import { type ImageConfig, readImageConfig } from "./image-config.ts";
import { asList, asObject, asText } from "./json.ts";
import { hostPlatform, isFor, type Platform, showPlatform } from "./platform.ts";
import type { Store } from "./store.ts";
import type { Watch } from "./watch.ts";

export type ImageLayer = {
  readonly blob: Blob;
  /** Of the blob; undefined where only `plain` is known. */
  readonly digest?: Digest;
  /** Of the layer decompressed. */
  readonly plain: Digest;
};

export type Image = { readonly config: ImageConfig; readonly layers: readonly ImageLayer[] };

export type Choice = {
  /** The name or tag that is meant, where there are several. */
  readonly ref: string | undefined;
  /** This machine's when left out. */
  readonly platform: Platform | undefined;
};

/** undefined when the store holds no image. */
export function findImage(store: Store, choice: Choice, watch: Watch): Image | undefined {
  const reader = new Reader(store, choice, watch);
  const index = store.open("index.json");
  if (index !== undefined && store.open("oci-layout") !== undefined) return reader.fromLayout(index);
  const manifest = store.open("manifest.json");
  return manifest === undefined ? undefined : reader.fromDocker(manifest);
}

type Descriptor = {
  readonly digest: Digest;
  readonly size: number;
  readonly type: string;
  readonly platform: Platform | undefined;
  /** By which it may be asked for. */
  readonly names: readonly string[];
  readonly where: string;
};

const MOST_DEPTH = 4;
const NAME = "org.opencontainers.image.ref.name";
/** What containerd and Docker add to it. */
const FULL_NAME = "io.containerd.image.name";
const indexType = /^application\/vnd\.(oci\.image\.index\.v1|docker\.distribution\.manifest\.list\.v2)\+json$/;
const manifestType = /^application\/vnd\.(oci\.image\.manifest\.v1|docker\.distribution\.manifest\.v2)\+json$/;
const layerType =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(foreign\.)?diff\.tar)([.+](gzip|zstd))?$/;

class Reader {
  readonly #store: Store;
  readonly #choice: Choice;
  readonly #wanted: Platform;
  readonly #watch: Watch;

  constructor(store: Store, choice: Choice, watch: Watch) {
    this.#store = store;
    this.#choice = choice;
    this.#wanted = choice.platform ?? hostPlatform();
    this.#watch = watch;
  }

  fromLayout(index: Blob): Image {
    const all = descriptorsIn(this.#json(index), "index.json");
    const named = this.#choice.ref === undefined ? all : all.filter(({ names }) => names.some((name) => isNamed(name, this.#choice.ref)));
    if (named.length === 0) throw this.#none(all.flatMap(({ names }) => names));
    return this.#fromDescriptors(named, 0, "index.json");
  }

  /** One of them, or one of those that it leads to. */
  #fromDescriptors(descriptors: readonly Descriptor[], depth: number, where: string): Image {
    // Attestations of a build stand beside it, for a platform of this name.
    const images = descriptors.filter(({ platform }) => platform?.os !== "unknown");
    const fitting = images.filter(({ platform }) => platform === undefined || isFor(platform, this.#wanted));
    const [found, other] = fitting;
    if (found === undefined)
      throw new BoxError({
        origin: where,
        what: `there is no image for ${showPlatform(this.#wanted)}`,
        hint: `--platform chooses another: ${images.flatMap(({ platform }) => (platform === undefined ? [] : showPlatform(platform))).join(", ")}`,
      });
    if (other !== undefined && depth === 0) throw this.#several(fitting.flatMap(({ names }) => names));
    const blob = this.#blobOf(found);
    if (indexType.test(found.type)) {
      if (depth === MOST_DEPTH)
        throw new BoxError({ origin: found.where, what: `there are more than ${MOST_DEPTH} indexes in each other` });
      const name = blob.name;
      return this.#fromDescriptors(descriptorsIn(this.#json(blob, found.digest), name), depth + 1, name);
    }
    if (!manifestType.test(found.type))
      throw new BoxError({ origin: found.where, what: `expected a manifest of an image, got ${JSON.stringify(found.type)}` });
    return this.#fromManifest(blob, found);
  }

  #fromManifest(blob: Blob, { digest }: Descriptor): Image {
    const manifest = asObject(this.#json(blob, digest), blob.name);
    const configAt = readDescriptor(manifest.config, `${blob.name}: config`);
    const config = readImageConfig(this.#json(this.#blobOf(configAt), configAt.digest), `${blob.name}: config`);
    const layers = asList(manifest.layers, `${blob.name}: layers`).map((one, index) => {
      const layer = readDescriptor(one, `${blob.name}: layers[${index}]`);
      if (!layerType.test(layer.type))
        throw new BoxError({ origin: layer.where, what: `expected a layer in a tar archive, got ${JSON.stringify(layer.type)}` });
      return { blob: this.#blobOf(layer), digest: layer.digest };
    });
    return this.#whole(config, layers, blob.name);
  }

  fromDocker(blob: Blob): Image | undefined {
    const json = this.#json(blob);
    // A root may have a file of this name too.
    if (!Array.isArray(json) || json.length === 0 || !json.every(isDockerManifest)) return undefined;
    const { ref } = this.#choice;
    const tagsOf = ({ RepoTags }: DockerManifest): string[] => RepoTags ?? [];
    const named = ref === undefined ? json : json.filter((one) => tagsOf(one).some((name) => isNamed(name, ref)));
    const [found, other] = named;
    if (found === undefined) throw this.#none(json.flatMap(tagsOf));
    if (other !== undefined) throw this.#several(named.flatMap(tagsOf));
    const configBlob = this.#fileNamed(found.Config, "manifest.json: Config");
    // Where the name says the digest, it holds.
    const [, hex] = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(found.Config) ?? [];
    const config = readImageConfig(this.#json(configBlob, hex === undefined ? undefined : { algorithm: "sha256", hex }), found.Config);
    const layers = found.Layers.map((path, index) => ({ blob: this.#fileNamed(path, `manifest.json: Layers[${index}]`) }));
    return this.#whole(config, layers, "manifest.json");
  }

  #whole(config: ImageConfig, layers: readonly Omit<ImageLayer, "plain">[], where: string): Image {
    if (!isFor(config, this.#wanted)) {
      const own = showPlatform(config);
      throw new BoxError({
        origin: where,
        what: `the image is for ${own}, not for ${showPlatform(this.#wanted)}`,
        hint: `--platform ${own} takes it all the same`,
      });
    }
    if (config.diffIds.length !== layers.length)
      throw new BoxError({ origin: where, what: `there are ${layers.length} layers, and ${config.diffIds.length} in the configuration` });
    return { config, layers: layers.map((layer, index) => ({ ...layer, plain: config.diffIds[index] as Digest })) };
  }

  #json(blob: Blob, digest?: Digest): unknown {
    const bytes = readSmall(blob, this.#watch);
    const digester = new Digester(digest, blob.name);
    digester.update(bytes);
    digester.check();
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      throw new BoxError({ what: `${blob.name} is not JSON: ${(error as Error).message}` });
    }
  }

  #blobOf({ digest, size, where }: Descriptor): Blob {
    const blob = this.#fileNamed(`blobs/${digest.algorithm}/${digest.hex}`, where);
    if (blob.part?.size !== size)
      throw new BoxError({ origin: where, what: `${blob.name} has ${blob.part?.size} bytes, expected ${size}` });
    return blob;
  }

  #fileNamed(path: string, where: string): Blob {
    const blob = this.#store.open(path);
    if (blob === undefined) throw new BoxError({ origin: where, what: `${path} is missing` });
    return blob;
  }

  #none(names: readonly string[]): BoxError {
    const { ref } = this.#choice;
    return new BoxError({
      ...(ref === undefined ? {} : { origin: "--ref" }),
      what: ref === undefined ? "there is no image in it" : `there is no image ${JSON.stringify(ref)}`,
      ...(names.length === 0 ? {} : { hint: `there are: ${names.join(", ")}` }),
    });
  }

  #several(names: readonly string[]): BoxError {
    return new BoxError({ what: "there are several images", hint: `--ref names the one that is meant: ${names.join(", ")}` });
  }
}

/** By its whole name, or by what stands behind the last colon. */
const isNamed = (name: string, ref: string | undefined): boolean => name === ref || name.slice(name.lastIndexOf(":") + 1) === ref;

function descriptorsIn(json: unknown, where: string): Descriptor[] {
  return asList(asObject(json, where).manifests, `${where}: manifests`).map((one, index) =>
    readDescriptor(one, `${where}: manifests[${index}]`),
  );
}

function readDescriptor(json: unknown, where: string): Descriptor {
  const { digest, size, mediaType, platform, annotations } = asObject(json, where);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw new BoxError({ origin: where, what: "size is no number of bytes" });
  const notes = annotations === undefined ? {} : asObject(annotations, `${where}: annotations`);
  return {
    digest: readDigest(digest, where),
    size,
    type: asText(mediaType, `${where}: mediaType`),
    platform: platform === undefined ? undefined : platformIn(platform, `${where}: platform`),
    names: [notes[FULL_NAME], notes[NAME]].filter((name) => typeof name === "string"),
    where,
  };
}

function platformIn(json: unknown, where: string): Platform {
  const { os, architecture, variant } = asObject(json, where);
  return {
    os: asText(os, `${where}.os`),
    architecture: asText(architecture, `${where}.architecture`),
    ...(typeof variant === "string" && variant !== "" ? { variant } : {}),
  };
}

type DockerManifest = { readonly Config: string; readonly RepoTags?: string[] | null; readonly Layers: string[] };

function isDockerManifest(value: unknown): value is DockerManifest {
  if (typeof value !== "object" || value === null || !("Config" in value) || !("Layers" in value)) return false;
  const areTexts = (list: unknown): boolean => Array.isArray(list) && list.every((one) => typeof one === "string");
  const tags = "RepoTags" in value ? value.RepoTags : undefined;
  return typeof value.Config === "string" && areTexts(value.Layers) && ((tags ?? null) === null || areTexts(tags));
}
