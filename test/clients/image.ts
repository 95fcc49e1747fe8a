// The image of all scenarios: busybox with its applets and a few users. As the tar of a root, which podman and Docker
// import, and as an archive in Docker's format, which containerd does. Just enough of ustar (tar(5)) for that.

import { readFileSync } from "node:fs";

type Entry = { readonly path: string; readonly mode: number; readonly content?: Uint8Array | string; readonly link?: string };

const BLOCK = 512;

/** A tar of these entries. A path that ends in a slash is a folder. */
function tarOf(entries: readonly Entry[]): Uint8Array {
  const blocks = entries.flatMap(({ path, mode, content = "", link }) => {
    const body = Buffer.from(content);
    const kind = link !== undefined ? "2" : path.endsWith("/") ? "5" : "0";
    return [headerOf(path, mode, body.length, kind, link ?? ""), body, Buffer.alloc(-body.length & (BLOCK - 1))];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

/**
 *   0    100  108  116  124  136  148      156  157   257     263 265
 *   name mode uid  gid  size time checksum kind link  "ustar" "00" …
 */
function headerOf(path: string, mode: number, size: number, kind: string, link: string): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, "0");
  header.write(path, 0);
  header.write(octal(mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(" ".repeat(8), 148);
  header.write(kind, 156);
  header.write(link, 157);
  header.write("ustar\0" + "00", 257);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )}\0 `,
    148,
  );
  return header;
}

/** The root of a container: busybox, users `root` and `user` (1000, in group `extra`), and a file that is not executable. */
export function rootTar(): Uint8Array {
  const busybox = Bun.which("busybox", { PATH: "/usr/bin:/bin" }) ?? "/bin/busybox";
  const applets = Bun.spawnSync([busybox, "--list"]).stdout.toString().trim().split("\n");
  const folders = ["bin", "dev", "etc", "home", "home/user", "proc", "root", "sys", "var"].map((path) => ({
    path: `${path}/`,
    mode: 0o755,
  }));
  return tarOf([
    ...folders,
    { path: "tmp/", mode: 0o1777 },
    { path: "bin/busybox", mode: 0o755, content: readFileSync(busybox) },
    ...applets.filter((name) => name !== "busybox").map((name) => ({ path: `bin/${name}`, mode: 0o777, link: "busybox" })),
    { path: "etc/passwd", mode: 0o644, content: "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:A User:/home/user:/bin/sh\n" },
    { path: "etc/group", mode: 0o644, content: "root:x:0:\nuser:x:1000:\nextra:x:1002:user\n" },
    { path: "etc/motd", mode: 0o644, content: "hello from the image\n" },
  ]);
}

/** An image in the format of `docker save`, with the root above as its one layer. */
export function imageArchive(name: string): Uint8Array {
  const layer = rootTar();
  const digest = new Bun.CryptoHasher("sha256").update(layer).digest("hex");
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const config = { Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["sh"] };
  const image = { architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] } };
  return tarOf([
    { path: "manifest.json", mode: 0o644, content: JSON.stringify([{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }]) },
    { path: "config.json", mode: 0o644, content: JSON.stringify(image) },
    { path: "layer.tar", mode: 0o644, content: layer },
  ]);
}
