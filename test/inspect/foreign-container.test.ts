import { expect, test } from "bun:test";
import { foreignContainer, isForeign } from "../../src/inspect/foreign-container.ts";

const id = "0123456789abcdef".repeat(4);

const check = (path: string, expected: string | undefined): void =>
  test(path.replace(id, "ID"), () => expect(foreignContainer(`9:cpu:/\n0::${path}\n`)).toBe(expected));

check(`/machine.slice/libpod-${id}.scope/container`, "podman:0123456789ab");
check(`/libpod_parent/libpod-${id}`, "podman:0123456789ab");
check(`/docker/${id}`, "docker:0123456789ab");
check(`/system.slice/docker-${id}.scope`, "docker:0123456789ab");
check(`/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`, "containerd:0123456789ab");
check(`/kubepods/besteffort/pod1/crio-${id}`, "cri-o:0123456789ab");
check(`/kubepods/burstable/pod1-2/${id}`, "kubernetes:0123456789ab");
check(`/machine.slice/libpod-conmon-${id}.scope`, undefined);
check("/docker/short", undefined);
check(`/somebody/${id}`, undefined);

test("names of them, and what is none", () => {
  expect(["podman:0123456789ab", "cri-o:0123456789ab"].map(isForeign)).toEqual([true, true]);
  expect(["web", "other:0123456789ab", "podman:0123456789AB", "podman:0123456789abc", "podman:0123456789ab:x"].map(isForeign)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});
