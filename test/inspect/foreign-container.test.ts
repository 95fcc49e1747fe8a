import { expect, test } from "bun:test";
import { foreignContainer } from "../../src/inspect/foreign-container.ts";

const id = "0123456789abcdef".repeat(4);

const check = (path: string, expected: string | undefined): void =>
  test(path.replace(id, "ID"), () =>
    expect(
      foreignContainer([
        { hierarchy: 9, controllers: "cpu", path: "/" },
        { hierarchy: 0, controllers: "", path },
      ]),
    ).toBe(expected),
  );

check(`/machine.slice/libpod-${id}.scope/container`, "podman:0123456789ab");
check(`/libpod_parent/libpod-${id}`, "podman:0123456789ab");
check(`/docker/${id}`, "docker:0123456789ab");
check(`/system.slice/docker-${id}.scope`, "docker:0123456789ab");
check(`/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`, "containerd:0123456789ab");
check(`/kubepods/besteffort/pod1/crio-${id}`, "cri-o:0123456789ab");
check(`/machine.slice/libpod-conmon-${id}.scope`, undefined);
check("/docker/short", undefined);
check(`/somebody/${id}`, undefined);
