// A new network namespace has a loopback device that is down; the kernel gives it 127.0.0.1 and ::1 once it is up.

import { newBuffer, type Step, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { pointerTo } from "./steps.ts";

export function raiseLoopback(building: Building): Step[] {
  const origin = "linux.namespaces";
  const socket = newFd(building, "a socket");
  // struct ifreq: the name in 16 bytes, then the flags IFF_UP | IFF_RUNNING (netdevice(7)).
  const request = new Uint8Array(40);
  request.set([0x6c, 0x6f]);
  request[16] = 0x41;
  const ifreq = newBuffer(building.child.variables, "ifreq", 40, request);
  return [
    step("socket", [["AF_INET"], ["SOCK_DGRAM", "SOCK_CLOEXEC"], 0], origin, "open a socket to speak of devices", { out: socket }),
    step("ioctl", [socket, ["SIOCSIFFLAGS"], pointerTo(ifreq)], origin, "raise the loopback device"),
    step("close", [socket], origin, "done with it"),
  ];
}
