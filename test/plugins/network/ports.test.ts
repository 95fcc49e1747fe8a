import { expect, test } from "bun:test";
import { checkFree, collide, type Port, parsePort, showPort } from "../../../plugins/network/ports.ts";

const port = (text: string): Port => {
  const parsed = parsePort(text);
  if (parsed === undefined) throw new Error(`${text} is no port`);
  return parsed;
};

test("every address of the host, and tcp, unless it is said", () =>
  expect(port("8080:80")).toEqual({ protocol: "tcp", address: "0.0.0.0", port: 8080, to: 80 }));
test("one address, and udp", () =>
  expect(port("127.0.0.1:53:5353/udp")).toEqual({ protocol: "udp", address: "127.0.0.1", port: 53, to: 5353 }));

for (const wrong of [
  "",
  "80",
  "0:80",
  "80:0",
  "65536:80",
  "80:80/sctp",
  "1.2.3:80:80",
  "300.0.0.1:80:80",
  ":80:80",
  "80:80 ",
  "80-90:80",
  "::1:80:80",
])
  test(`${JSON.stringify(wrong)} is none`, () => expect(parsePort(wrong)).toBe(undefined));

test("who is in whose way", () => {
  const both = (one: string, other: string): boolean[] => [collide(port(one), port(other)), collide(port(other), port(one))];
  expect(both("80:1", "80:2")).toEqual([true, true]);
  expect(both("80:1", "127.0.0.1:80:2")).toEqual([true, true]);
  expect(both("127.0.0.2:80:1", "127.0.0.1:80:2")).toEqual([false, false]);
  expect(both("80:1", "80:1/udp")).toEqual([false, false]);
  expect(both("80:1", "81:1")).toEqual([false, false]);
});

test("one that somebody listens on is not free", async () => {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const socket = await Bun.udpSocket({ hostname: "127.0.0.1" });
  const [tcp, udp] = [`127.0.0.1:${listener.port}:1`, `127.0.0.1:${socket.port}:1/udp`];
  for (const text of [tcp, udp]) expect(checkFree(port(text))).rejects.toThrow(`ports: cannot have ${showPort(port(text))}: EADDRINUSE`);
  expect(checkFree(port("192.0.2.77:4:4"))).rejects.toThrow("ports: cannot have 192.0.2.77:4/tcp: EADDRNOTAVAIL");
  socket.close();
  listener.stop();
  for (const text of [tcp, udp]) expect(await checkFree(port(text))).toBe(undefined);
});
