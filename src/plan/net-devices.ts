// linux.netDevices: devices of the host's network become the container's, by messages to the kernel (rtnetlink(7)). Box, which
// is in the host's network, looks them up, reads their addresses and moves them; who is in the container's gives them the
// addresses back and sets them up: the helper where the network namespace is joined, since init may have no rights
// over it, else init. Loaded only for a container that has such devices.
//
//   in the container's network         box
//    │ are the names free?
//    │ ───────────── "n" ──────────────▶│ is every device there?
//    │                                  │ each one: read its addresses, then move and rename it
//    │ ◀──────────── "m" ───────────────│
//    │ ◀── RTM_NEWADDR, RTM_NEWADDR … ──│ what the kernel told of each address
//    │ ◀──────────── "." ───────────────│
//    │ add each; set it up
//
// The addresses are no facts of the plan: they are read when the device is about to lose them. Left out: the way back. The
// kernel destroys what is virtual with its namespace, and gives hardware back to the host, by the name that it has then.

import { joinPath } from "../config/faults.ts";
import { rtnetlinkFields, rtnetlinkNumbers } from "../linux/rtnetlink.ts";
import { structFields } from "../linux/structs.ts";
import {
  address,
  type Buffer,
  compute,
  type ErrorTable,
  newBuffer,
  newSlot,
  type Slot,
  type Step,
  slotIn,
  step,
  type Variables,
} from "../tape/step.ts";
import type { Building } from "./builder.ts";
import type { BoxVariables } from "./plan.ts";

const { NETLINK_ROUTE, NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_DUMP, RTM_NEWLINK, RTM_NEWADDR, RTM_GETADDR } =
  rtnetlinkNumbers;
const { nlmsghdr, ifinfomsg, ifaddrmsg, rtattr } = rtnetlinkFields;

const ALL = "linux.netDevices";
const UINT_MAX = 0xffffffff;
const TWO_32 = 2 ** 32;
/** Room for one message of the kernel about an address: those of IPv6 have some 130 bytes. */
const MESSAGE_BYTES = 512;
/** The most that the kernel tells at once. */
const DUMP_BYTES = 32768;

type Device = {
  /** As the host knows it. */
  readonly name: string;
  /** As the container does: a name, or one with `%d`, which the kernel makes one of. */
  readonly inside: string;
  /** What it is called once it is moved: `inside`, where that is a name. */
  readonly moved: string;
  readonly origin: string;
};

/** Those that the kernel is to name come last, or it might give one of them a name that another is to have. */
function devicesOf({ spec, id }: Building): Device[] {
  const devices: Device[] = [];
  const named: Device[] = [];
  const wanted = spec.linux?.netDevices ?? {};
  for (const name in wanted) {
    const inside = wanted[name]?.name ?? name;
    const origin = joinPath(ALL, name);
    if (inside.includes("%")) devices.push({ name, inside, moved: passingName(id, devices.length), origin });
    else named.push({ name, inside, moved: inside, origin });
  }
  return [...named, ...devices];
}

/** A name that no other device has, to be known by until the kernel has chosen one. */
function passingName(id: string, index: number): string {
  // FNV-1a.
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${id} ${index}`)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `box-${hash.toString(16).padStart(8, "0")}`;
}

/** A message with room behind it, so that its last four bytes can be a result's first. */
function newRequest(
  variables: Variables,
  name: string,
  type: number,
  flags: number,
  body: Uint8Array,
  attributes: Uint8Array[] = [],
): Buffer {
  let bytes = nlmsghdr.bytes + body.length;
  for (const one of attributes) bytes += one.length;
  const message = new Uint8Array(bytes + 8);
  const view = new DataView(message.buffer);
  view.setUint32(nlmsghdr.nlmsg_len, bytes, true);
  view.setUint16(nlmsghdr.nlmsg_type, type, true);
  view.setUint16(nlmsghdr.nlmsg_flags, flags, true);
  let at: number = nlmsghdr.bytes;
  for (const part of [body, ...attributes]) {
    message.set(part, at);
    at += part.length;
  }
  return newBuffer(variables, name, message.length, message);
}

const lengthOf = (request: Buffer): number => request.bytes - 8;

function attribute(type: number, value: Uint8Array): Uint8Array {
  const length = rtattr.bytes + value.length;
  const bytes = new Uint8Array((length + 3) & ~3);
  new DataView(bytes.buffer).setUint32(0, length | (type << 16), true);
  bytes.set(value, rtattr.bytes);
  return bytes;
}

const named = (name: string): Uint8Array => attribute(rtnetlinkNumbers.IFLA_IFNAME, new TextEncoder().encode(`${name}\0`));

/** Of a device whose number is put there later: `up` sets it up. */
function deviceBody(up = false): Uint8Array {
  const body = new Uint8Array(ifinfomsg.bytes);
  if (!up) return body;
  body[ifinfomsg.ifi_flags] = rtnetlinkNumbers.IFF_UP;
  body[ifinfomsg.ifi_change] = rtnetlinkNumbers.IFF_UP;
  return body;
}

/** Eight bytes that end with the device's number, in a request and in what SIOCGIFINDEX fills. */
const numberIn = (request: Buffer): Slot<"int"> => slotIn("int", request, nlmsghdr.bytes, `${request.buffer}: device`);
const foundIn = (ifreq: Buffer): Slot<"int"> =>
  slotIn("int", ifreq, (structFields.ifreq.fields.ifr_ifindex?.offset as number) - 4, `${ifreq.buffer}: number`);
/** Of eight bytes, the last four. */
const LAST_FOUR = -TWO_32;

type Netlink = { readonly socket: Slot<"fd">; readonly answer: Buffer; readonly error: Slot<"int"> };

function newNetlink(variables: Variables): Netlink {
  return {
    socket: newSlot(variables, "fd", "netlink"),
    answer: newBuffer(variables, "the kernel's answer", 64),
    error: newSlot(variables, "int", "its errno"),
  };
}

const openNetlink = ({ socket }: Netlink): Step =>
  step("socket", [["AF_NETLINK"], ["SOCK_RAW", "SOCK_CLOEXEC"], NETLINK_ROUTE], ALL, "open a socket to speak of devices", { out: socket });

/** Stops with the kernel's errno if that is what it answers. */
function judge(error: Slot<"int">, from: Slot<"int">, origin: string, why: string): Step[] {
  return [
    compute([from, 0, 0, UINT_MAX], origin, "take the errno of the answer", { out: error }),
    compute([error, 0, TWO_32, -1], origin, why),
  ];
}

/** Sends a request that the kernel answers with an errno, 0 when it is done. `bytes`: where only the tape knows its length. */
function ask({ socket, answer, error }: Netlink, request: Buffer, origin: string, why: string, bytes?: Slot<"int">): Step[] {
  const errorOf = slotIn("int", answer, nlmsghdr.bytes, "errno of the answer");
  return [
    step("write", [socket, address(request), bytes ?? lengthOf(request)], origin, why),
    step("read", [socket, address(answer), answer.bytes], origin, "read the kernel's answer"),
    ...judge(error, errorOf, origin, why),
  ];
}

function newIfreq(variables: Variables, name: string): Buffer {
  const bytes = new Uint8Array(structFields.ifreq.bytes);
  bytes.set(new TextEncoder().encode(name));
  return newBuffer(variables, `ifreq of ${name}`, bytes.length, bytes);
}

const lookUp = ({ socket }: Netlink, ifreq: Buffer, origin: string, why: string): Step =>
  step("ioctl", [socket, ["SIOCGIFINDEX"], address(ifreq)], origin, why);

/** In the container's network namespace, by the helper or by init. */
function receiveDevices(building: Building): Step[] {
  const devices = devicesOf(building);
  if (devices.length === 0) return [];
  const { variables } = building.child;
  const netlink = newNetlink(variables);
  const message = newBuffer(variables, "an address", MESSAGE_BYTES);
  const ifreqs: Buffer[] = [];
  const steps: Step[] = [openNetlink(netlink)];
  for (const { origin, moved } of devices) {
    const ifreq = newIfreq(variables, moved);
    ifreqs.push(ifreq);
    steps.push({
      ...lookUp(netlink, ifreq, origin, `have the name ${moved} in the container's network`),
      onError: [["ENODEV", []]],
      // Its success is what must not be.
      expect: { value: -1, refused: "a device there has it" },
    });
  }
  steps.push(step("write", [building.handed.sync, "n", 1], ALL, "tell box that the names are free"));
  for (let index = 0; index < devices.length; index++)
    steps.push(...receiveDevice(building, netlink, devices[index] as Device, ifreqs[index] as Buffer, message));
  return [...steps, step("close", [netlink.socket], ALL, "done with it")];
}

function receiveDevice(building: Building, netlink: Netlink, { inside, moved, origin }: Device, ifreq: Buffer, message: Buffer): Step[] {
  const { handed, child } = building;
  const { variables } = child;
  const device = newSlot(variables, "int", `number of ${inside}`);
  const length = newSlot(variables, "int", "length of the message");
  const rest = newSlot(variables, "int", "family, prefix, flags and scope");
  const up = newRequest(variables, `request to set up ${inside}`, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, deviceBody(true));
  const name = (request: Buffer): Step => compute([device, 0, 0, -1], origin, "name the device", { out: numberIn(request) });
  const [next, done] = [`${origin}: next address`, `${origin}: no more addresses`];
  const addressFlags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const wait = (why: string, bytes: number, label?: string): Step =>
    step("read", [handed.sync, address(message), bytes], origin, why, { out: length, ...(label === undefined ? {} : { label }) });
  const rename = newRequest(variables, `request to name it ${inside}`, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, deviceBody(), [
    named(inside),
  ]);
  const ended = (): Step => compute([length, 0, 0, -1], origin, "hear from box", { expect: { value: 1, refused: "box ended before" } });
  const why = `give ${inside} its address`;
  return [
    wait(`wait until box has moved ${inside}`, 1),
    ended(),
    lookUp(netlink, ifreq, origin, `find ${moved} in the container's network`),
    compute([foundIn(ifreq), 0, 0, LAST_FOUR], origin, "keep its number", { out: device }),
    ...(inside === moved ? [] : [name(rename), ...ask(netlink, rename, origin, `let the kernel name it by ${inside}`)]),
    wait("wait for an address", MESSAGE_BYTES, next),
    compute([length, 0, 0, -1], origin, "was that the last?", { equal: { value: 1, steps: [goTo(done, origin)] } }),
    compute([length, 0, 0, -1], origin, "hear from box", {
      equal: { value: 0, steps: [ended()] },
    }),
    compute([RTM_NEWADDR + addressFlags * 0x10000, 0, 0, -1], origin, "make a request of it", {
      out: slotIn("int", message, nlmsghdr.nlmsg_type, "kind of the message"),
    }),
    compute([numberIn(message), 0, 0, UINT_MAX], origin, "keep all but the device", { out: rest }),
    compute([rest, device, 0, -1], origin, "name the device", { out: numberIn(message) }),
    ...ask(netlink, message, origin, why, length),
    goTo(next, origin),
    { ...name(up), label: done },
    ...ask(netlink, up, origin, `set up ${inside}`),
  ];
}

const goTo = (label: string, origin: string): Step => compute([0, 0, 0, -1], origin, "go on", { goto: label });

/** Box's part. `owner`: the pid of who waits in the container's network namespace. */
function moveDevices(building: Building, box: BoxVariables, owner: Slot<"int">): Step[] {
  const devices = devicesOf(building);
  if (devices.length === 0) return [];
  const { variables } = box;
  const netlink = newNetlink(variables);
  const dump = newDump(variables);
  const ifreqs: Buffer[] = [];
  const look: Step[] = [];
  for (const { name, origin } of devices) {
    const ifreq = newIfreq(variables, name);
    ifreqs.push(ifreq);
    look.push(lookUp(netlink, ifreq, origin, `find the device ${name}`));
  }
  const steps: Step[] = [
    step("read", [box.sync, address(box.reply), 1], ALL, "wait until the names are known to be free", {
      expect: { value: 1, refused: "the child ended before" },
    }),
    openNetlink(netlink),
    ...look,
    step(
      "setsockopt",
      [netlink.socket, ["SOL_NETLINK"], ["NETLINK_GET_STRICT_CHK"], new Uint8Array([1, 0, 0, 0]), 4],
      ALL,
      "ask for addresses of one device at a time",
    ),
    step("memfd_create", ["box-addresses", ["MFD_CLOEXEC"]], ALL, "make a file in memory for addresses", { out: dump.file }),
    // Behind the most that the kernel tells there is room to look at too much.
    step("mmap", [null, DUMP_BYTES * 2, ["PROT_READ", "PROT_WRITE"], ["MAP_PRIVATE", "MAP_ANONYMOUS"], -1, 0], ALL, "make room", {
      out: dump.room,
    }),
  ];
  for (let index = 0; index < devices.length; index++)
    steps.push(...moveDevice(building, box, { netlink, dump, owner }, devices[index] as Device, ifreqs[index] as Buffer));
  return [
    ...steps,
    step("munmap", [dump.room, DUMP_BYTES * 2], ALL, "done with the room"),
    step("close", [dump.file], ALL, "done with the file"),
    step("close", [netlink.socket], ALL, "done with it"),
  ];
}

function moveDevice(building: Building, box: BoxVariables, { netlink, dump, owner }: Mover, device: Device, ifreq: Buffer): Step[] {
  const { name, inside, moved, origin } = device;
  const pid = attribute(rtnetlinkNumbers.IFLA_NET_NS_PID, new Uint8Array(4));
  const flags = NLM_F_REQUEST | NLM_F_ACK;
  const move = newRequest(box.variables, `request to move ${name}`, RTM_NEWLINK, flags, deviceBody(), [named(moved), pid]);
  const namespace = slotIn("int", move, lengthOf(move) - 4, `${move.buffer}: whose namespace`);
  const tell = (text: string, why: string): Step => step("write", [box.sync, text, 1], origin, why, { onError: gone });
  const as = inside === name ? "" : ` as ${inside}`;
  return [
    ...readAddresses(box.variables, netlink, dump, device, ifreq),
    compute([foundIn(ifreq), 0, 0, LAST_FOUR], origin, "name the device", { out: numberIn(move) }),
    compute([owner, 0, 0, -1], origin, "name the network namespace by who is in it", { out: namespace }),
    // The kernel closes it, moves it and renames it, or refuses and leaves it as it was.
    ...ask(netlink, move, origin, `move ${name} into the network of the container ${building.id}${as}`),
    tell("m", "tell that it is there"),
    ...sendAddresses(box, dump, device),
    tell(".", "tell that this was the last"),
  ];
}

/** Whoever should hear has ended; what it has to say is looked at elsewhere. */
const gone: ErrorTable = [
  ["EPIPE", []],
  ["ECONNRESET", []],
];

type Mover = { readonly netlink: Netlink; readonly dump: Dump; readonly owner: Slot<"int"> };

type Dump = ReturnType<typeof newDump>;

function newDump(variables: Variables) {
  const message = newBuffer(variables, "a message", MESSAGE_BYTES);
  const attributeHead = newBuffer(variables, "head of an attribute", 8);
  const int = (name: string): Slot<"int"> => newSlot(variables, "int", name);
  return {
    file: newSlot(variables, "fd", "addresses"),
    room: int("room for messages"),
    message,
    /** Its length and kind; and its family, prefix, flags and scope. */
    head: slotIn("int", message, 0, "head of the message"),
    kind: slotIn("int", message, nlmsghdr.nlmsg_type, "kind of the message"),
    about: slotIn("int", message, nlmsghdr.bytes, "flags and scope"),
    attributeHead,
    lengthAndType: slotIn("int", attributeHead, 0, "length and type"),
    at: int("address of the message"),
    end: int("end of the messages"),
    length: int("length"),
    /** In the file: where the next address goes, and which attribute of it is looked at. */
    place: int("place of the address"),
    attribute: int("place of the attribute"),
    attributes: int("end of the attributes"),
    kindAt: int("place of its kind"),
    changed: int("changes meanwhile"),
    error: int("errno of the list"),
  };
}

/** A request for all addresses of a device; the kernel's messages about those that are to be kept end up in the file. */
function readAddresses(variables: Variables, netlink: Netlink, dump: Dump, device: Device, ifreq: Buffer): Step[] {
  const { file, room, message, kind, head, about, at, end, length, place, changed, error } = dump;
  const { name, origin } = device;
  const body = new Uint8Array(ifaddrmsg.bytes);
  const list = newRequest(variables, `request for the addresses of ${name}`, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, body);
  const label = (text: string): string => `${origin}: ${text}`;
  const why = `read the addresses of ${name}`;
  const is = (value: number, question: string, steps: Step[]): Step =>
    compute([kind, 0, 0, 0xffff], origin, question, { equal: { value, steps } });
  return [
    compute([foundIn(ifreq), 0, 0, LAST_FOUR], origin, "name the device", { out: numberIn(list) }),
    step("write", [netlink.socket, address(list), lengthOf(list)], origin, why, { label: label("list") }),
    compute([0, 0, 0, -1], origin, "none is kept yet", { out: place }),
    compute([0, 0, 0, -1], origin, "nothing has changed meanwhile", { out: changed }),
    step("read", [netlink.socket, room, DUMP_BYTES], origin, "read what the kernel tells", { label: label("read"), out: length }),
    compute([room, 0, 0, -1], origin, "begin with the first message", { out: at }),
    compute([room, length, 0, -1], origin, "know the end", { out: end }),
    step("pwrite64", [file, at, MESSAGE_BYTES, place], origin, "look at the message", { label: label("message") }),
    step("pread64", [file, address(message), MESSAGE_BYTES, place], origin, "look at the message"),
    compute([kind, 0, 0, rtnetlinkNumbers.NLM_F_DUMP_INTR << 16], origin, "have addresses changed meanwhile?", { out: length }),
    compute([changed, length, 0, -1], origin, "know it at the end", { out: changed }),
    is(rtnetlinkNumbers.NLMSG_DONE, "was that all?", [goTo(label("all"), origin)]),
    is(rtnetlinkNumbers.NLMSG_ERROR, "is it an error?", judge(error, about, origin, why)),
    compute([head, 0, 0, UINT_MAX], origin, "know its length", { out: length }),
    compute([length, 0, 0, ~(MESSAGE_BYTES - 1)], origin, why, {
      expect: { value: 0, refused: "one has more to it than box has room for" },
    }),
    compute([length, 3, 0, ~3], origin, "know how much it takes", { out: length }),
    compute([at, length, 0, -1], origin, "know the next one", { out: at }),
    compute([about, 0, 0, flagsAndScope], origin, "is it permanent, and global?", {
      equal: { value: kept, steps: keep(dump, device, label) },
    }),
    compute([end, 0, at, -1], origin, "was it the last of these?", {
      equal: { value: 0, steps: [goTo(label("read"), origin)] },
      goto: label("message"),
    }),
    // Then one may have been passed over.
    compute([changed, 0, 0, -1], origin, "is the list whole?", {
      label: label("all"),
      equal: { value: 0, steps: [goTo(label("known"), origin)] },
      goto: label("list"),
    }),
    compute([0, 0, 0, -1], origin, "all are known", { label: label("known") }),
  ];
}

/** Whose scope is the whole world, and whose time does not run out (RFC 3549, section 2.3.3.2). */
const flagsAndScope = ((rtnetlinkNumbers.IFA_F_PERMANENT << (8 * ifaddrmsg.ifa_flags)) | (0xff << (8 * ifaddrmsg.ifa_scope))) >>> 0;
const kept =
  (rtnetlinkNumbers.IFA_F_PERMANENT << (8 * ifaddrmsg.ifa_flags)) | (rtnetlinkNumbers.RT_SCOPE_UNIVERSE << (8 * ifaddrmsg.ifa_scope));

/** The message stays in the file: without its label, an older name of the device, where that gets another one. */
function keep(dump: Dump, { name, inside, origin }: Device, label: (text: string) => string): Step[] {
  const { file, place, length, attributeHead, lengthAndType, kindAt, attribute: at, attributes: end } = dump;
  const next = compute([place, MESSAGE_BYTES, 0, -1], origin, "keep it", { out: place });
  if (inside === name) return [next];
  return [
    compute([place, nlmsghdr.bytes + ifaddrmsg.bytes, 0, -1], origin, "begin with its first attribute", { out: at }),
    compute([place, length, 0, -1], origin, "know the end of them", { out: end }),
    step("pread64", [file, address(attributeHead), attributeHead.bytes, at], origin, "look at the attribute", {
      label: label("attribute"),
    }),
    compute([at, rtattr.rta_type, 0, -1], origin, "know where its kind is", { out: kindAt }),
    compute([lengthAndType, 0, 0, 0xffff0000], origin, "is it the label?", {
      equal: {
        value: rtnetlinkNumbers.IFA_LABEL * 0x10000,
        steps: [step("pwrite64", [file, new Uint8Array(2), 2, kindAt], origin, "make it none, so that the kernel makes a new one")],
      },
    }),
    compute([lengthAndType, 3, 0, 0xfffc], origin, "know how much it takes", { out: length }),
    compute([at, length, 0, -1], origin, "know the next one", { out: at }),
    compute([end, 0, at, -1], origin, "was it the last?", {
      equal: { value: 0, steps: [goTo(label("kept"), origin)] },
      goto: label("attribute"),
    }),
    { ...next, label: label("kept") },
  ];
}

/** The messages in the file, one by one. */
function sendAddresses(box: BoxVariables, dump: Dump, { name, origin }: Device): Step[] {
  const { file, message, head, length, place, attribute: at } = dump;
  const [send, sent] = [`${origin}: send`, `${origin}: sent`];
  return [
    compute([0, 0, 0, -1], origin, "begin with the first address", { out: at }),
    compute([place, 0, at, -1], origin, "are there more?", { label: send, equal: { value: 0, steps: [goTo(sent, origin)] } }),
    step("pread64", [file, address(message), MESSAGE_BYTES, at], origin, "take the address"),
    compute([head, 0, 0, UINT_MAX], origin, "know its length", { out: length }),
    step("write", [box.sync, address(message), length], origin, `hand over an address of ${name}`, { onError: gone }),
    compute([at, MESSAGE_BYTES, 0, -1], origin, "know the next one", { out: at, goto: send }),
    compute([0, 0, 0, -1], origin, "all are handed over", { label: sent }),
  ];
}

export const netDeviceSteps = { receiveDevices, moveDevices } as const;
export type NetDeviceSteps = typeof netDeviceSteps;
