// The steps by which an agent gets a listener; that their order is kept is a rule over plans (rules.ts, agentIsTold).

import { expect, test } from "bun:test";
import { askAll, asked, type Changes, calls, execWith, planWith, section } from "./plan-for.ts";

const asking: Changes = { process: { args: ["/bin/true"], env: [] }, linux: { seccomp: asked }, seccomp: askAll };
/** From the line that begins so. */
const from = (text: string, start: string): string => text.slice(text.indexOf(start));

test("a thread is made before the process is anything yet, and has the listener as soon as there is one", () => {
  const text = section(planWith(asking), "init: process");
  expect(text.slice(text.indexOf("clone3("), text.indexOf("chdir("))).toMatchInlineSnapshot(`
    "clone3(&clone_args of the thread {flags: CLONE_VM|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, parent_tid: &thread, child_tid: &thread}, 88)
            linux.seccomp.listenerPath: make a thread that the filter will not apply to
        [in the child] compute (listener) & 0xffffffff → listener, for box   (here: look for a listener)
                linux.seccomp.listenerPath: is there a listener?
            [if 4294967295] nanosleep({tv_sec: 0, tv_nsec: 50000}, NULL)   (then: look for a listener)
                    linux.seccomp.listenerPath: wait for 50 microseconds
        [in the child] compute listener, for box → the descriptor in the message
                linux.seccomp.listenerPath: put the listener into a message
        [in the child] sendmsg(4, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_NOSIGNAL)
                linux.seccomp.listenerPath: send the listener to box
        [in the child] close(listener, for box)
                linux.seccomp.listenerPath: keep none
        [in the child] read(4, &reply, 1)
                linux.seccomp.listenerPath: wait until the agent is told
        [in the child] exit(0)
                linux.seccomp.listenerPath: end this thread
    "
  `);
});

test("init waits without a call, and goes on", () => {
  expect(section(planWith(asking), "init: program")).toMatchInlineSnapshot(`
    "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG|SECCOMP_FILTER_FLAG_NEW_LISTENER, {len: 1, filter: &filter of system calls}) → listener
            linux.seccomp: filter system calls
    compute (thread) & 0xffffffff   (here: is the agent told?, then: is the agent told?)
            linux.seccomp.listenerPath: wait until the agent has the listener, without a system call
        [if 0] compute 0   (then: the agent is told)
                linux.seccomp.listenerPath: go on
    compute 0   (here: the agent is told)
            linux.seccomp.listenerPath: from here on it can be asked
    execve(the program's name, ["/bin/true"], [])
            process.args[0]: execute /bin/true"
  `);
});

test("box tells the agent before it waits for the end of the line", () => {
  expect(from(section(planWith(asking), "box: let it run"), "recvmsg")).toMatchInlineSnapshot(`
    "recvmsg(line to the child, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_CMSG_CLOEXEC)
            linux.seccomp.listenerPath: receive the listener
    compute (the descriptor in the message) & 0xffffffff → listener
            linux.seccomp.listenerPath: take it out of the message
    socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) → socket of the agent
            linux.seccomp.listenerPath: make a socket to tell the agent
    setsockopt(socket of the agent, SOL_SOCKET, SO_SNDTIMEO_OLD, 16 bytes, 16)
            linux.seccomp.listenerPath: wait for 10 s at most
    connect(socket of the agent, &sockaddr_un, 13)
            linux.seccomp.listenerPath: connect to the agent at /run/agent
    compute listener → the descriptor in the message
            linux.seccomp.listenerPath: put the listener into a message
    sendmsg(socket of the agent, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_NOSIGNAL) → bytes sent
            linux.seccomp.listenerPath: send the agent at /run/agent the listener and the state
    compute its length - bytes sent
            linux.seccomp.listenerPath: send the agent at /run/agent the whole state
    close(socket of the agent)
            linux.seccomp.listenerPath: done with it
    close(listener)
            linux.seccomp.listenerPath: only the agent has it
    write(line to the child, "g", 1)
            linux.seccomp.listenerPath: tell the thread that the agent is told
    read(line to the child, &reply, 1)
            box: wait until it has become the container's process
    close(line to the child)
            box: done with it"
  `);
});

test("of exec, in a section of its own, since it can be held up on the way there", () => {
  expect(calls(execWith(asking), "box: tell the agent")).toMatchInlineSnapshot(`
    "recvmsg(line to the child, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_CMSG_CLOEXEC)
    compute (the descriptor in the message) & 0xffffffff → listener
    socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) → socket of the agent
    setsockopt(socket of the agent, SOL_SOCKET, SO_SNDTIMEO_OLD, 16 bytes, 16)
    connect(socket of the agent, &sockaddr_un, 13)
    compute listener → the descriptor in the message
    sendmsg(socket of the agent, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_NOSIGNAL) → bytes sent
    compute its length - bytes sent
    close(socket of the agent)
    close(listener)
    write(line to the child, "g", 1)"
  `);
});

test("a created container has its filter while it waits for start, whatever that allows, and its hooks run under it", () => {
  const changes: Changes = {
    ...asking,
    launch: { way: "created" },
    process: { ...asking.process, noNewPrivileges: false },
    spec: { hooks: { startContainer: [{ path: "/bin/hook" }] } },
  };
  const plan = planWith(changes);
  expect(from(calls(plan, "init: process"), "seccomp(")).toMatchInlineSnapshot(`
    "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG|SECCOMP_FILTER_FLAG_NEW_LISTENER, {len: 1, filter: &filter of system calls}) → listener
    compute (thread) & 0xffffffff   (here: is the agent told?, then: is the agent told?)
    compute 0   (here: the agent is told)
    capset({version: 537396514, pid: 0}, 24 bytes)"
  `);
  expect(calls(plan, "init: program")).toMatchInlineSnapshot(`
    "compute "process.args[0]\\nexecute /bin/true" → what is attempted
    execve(the program's name, ["/bin/true"], [])"
  `);
});
