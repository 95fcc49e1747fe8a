// A start that is kept from one box for the next (src/front): goes on with what is this process's own, is refused wherever
// it does not fit, and leaves nothing behind. All in a /run of the tests' own.

import { describe, expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Bundle, binary, execute, linesOf, type Outcome, testWith } from "./harness.ts";

const test = testWith("strace");
// Each starts a dozen boxes and more.
setDefaultTimeout(60_000);
const kept = "/run/box/.kept";

/** A shell in which /run is empty and `box` is box; two runs have kept a start unless `fresh`. */
async function inOwnRun(
  bundle: Bundle,
  script: string,
  options: { fresh?: boolean; mount?: string; limitMs?: number } = {},
): Promise<Outcome> {
  const run = `"$BOX" --root ${bundle.states} run --bundle ${bundle.folder} ${bundle.id}`;
  // Its name is this build's alone.
  const names = `names() { MARK=$(echo ${kept}/start-*-mark); START=\${MARK%-mark}; }; kept() { ls ${kept} | sed "s/-[0-9a-f]*//"; }`;
  const begin = [names, `mount -t tmpfs -o ${options.mount ?? "rw"} run /run`, ...(options.fresh === true ? [] : [run, run, "names"])].join(
    "\n",
  );
  const argv = ["unshare", "--mount", "bash", "-c", `set -e; ${begin}\n${script}`];
  return execute(argv, {
    env: { BOX: binary, ID: bundle.id, STATES: bundle.states, BUNDLE: bundle.folder },
    limitMs: options.limitMs ?? 30_000,
  });
}

/**
 * The dynamic linker says so when it has loaded something: then the start was a plain one. One in a hundred is,
 * since the kernel has put something where the kept process had its memory; two in a row are no chance.
 */
const howItBegan = `began() { LD_DEBUG=files "$@" 2>/run/said >/dev/null || true; if grep -q 'calling init' /run/said; then echo plain; else echo kept; fi; }
afresh() { :; } # What a test does before a second try.
goesOn() { if [ "$(began "$@")" = kept ]; then echo kept; else afresh; began "$@"; fi; }
list() { goesOn "$BOX" --root "$STATES" list; }
`;

const nothing = (spec: Bundle["spec"]): void => {
  if (spec.process) spec.process.args = ["true"];
};

describe("the third start", () => {
  test("goes on from what the second has kept", async () => {
    using bundle = new Bundle(nothing);
    const { stdout, stderr } = await inOwnRun(
      bundle,
      `${howItBegan}
      run() { "$1" "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
      ls -A ${kept} 2>/dev/null || echo none
      run began; names; cut -d ' ' -f 1 $MARK; test -e $START || echo not yet
      run began; cut -d ' ' -f 1 $MARK; stat -c %a ${kept} $START
      run goesOn; list; kept`,
      { fresh: true },
    );
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual([
      ...["none", "plain", "started", "not yet", "plain", "kept", "700", "600", "kept", "kept"],
      ...["start", "start-mark"],
    ]);
  });

  test("has arguments, environment, folder and descriptors of its own", async () => {
    using bundle = new Bundle(nothing);
    const { stdout, stderr } = await inOwnRun(
      bundle,
      `cd "$BUNDLE"/..
      box() { "$BOX" --root "$STATES" "$@"; }
      echo typed | WHAT=own box run -e WHAT --bundle "$(basename "$BUNDLE")" "$ID" sh -c 'echo $WHAT $0 $(cat)' argument
      unset BOX_TEST_NOTHING; box run -e BOX_TEST_NOTHING --bundle "$BUNDLE" "$ID" env | grep -c BOX_TEST || true
      box run --bundle "$BUNDLE" "$ID" sh -c 'ls /proc/self/fd | wc -l'
      box state nobody 2>&1 || echo "ended with $?"
      box run --bundle "$BUNDLE" "$ID" sh -c 'exit 5' || echo "ended with $?"`,
    );
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual([
      ...["own argument typed", "0", "4", "box: id: the container nobody does not exist", "ended with 1"],
      "ended with 5",
    ]);
  });

  test("reads leniently or strictly by its own environment", async () => {
    using bundle = new Bundle(nothing);
    const { stdout, stderr } = await inOwnRun(
      bundle,
      `${howItBegan}
      sed -i 's/^{/{"vendor":1,/' "$BUNDLE/config.json"
      try() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$@" "$ID" 2>&1 && echo ran || echo "ended with $?"; }
      try; BOX_LENIENT=1 try; BOX_LENIENT=0 try; try --lenient; try; list`,
    );
    const fault = "config.json:1:2: vendor: unknown key";
    const [refused, warned] = [
      [`box: ${fault}`, "ended with 125"],
      [`box: warning: ${fault}`, "ran"],
    ];
    expect([stderr, linesOf(stdout)]).toEqual(["", [...refused, ...warned, ...refused, ...warned, ...refused, "kept"]]);
  });

  test("of an ordinary user is a plain one", async () => {
    using bundle = new Bundle(nothing);
    const { stdout } = await inOwnRun(
      bundle,
      `${howItBegan}
      list; began setpriv --reuid 65534 --regid 65534 --clear-groups "$BOX" list`,
    );
    expect(linesOf(stdout)).toEqual(["kept", "plain"]);
  });

  test("of a command that is no part of a container's life is a plain one", async () => {
    using bundle = new Bundle(nothing);
    const { stdout } = await inOwnRun(
      bundle,
      `${howItBegan} list; began "$BOX" --version; began "$BOX" spec --bundle /tmp/none; began "$BOX" features`,
    );
    expect(linesOf(stdout)).toEqual(["kept", "kept", "plain", "plain"]);
  });

  test("with plugins that ask for nothing that it has settled goes on, and they have what is its own", async () => {
    using bundle = new Bundle(nothing);
    writeFileSync(
      `${bundle.folder}/plugin.ts`,
      `import { existsSync, promises, readFileSync } from "node:fs";
      import { resolve } from "node:path";
      import { spawnSync } from "node:child_process";
      const said = (...argv: [string, ...string[]]): string => spawnSync(argv[0], argv.slice(1), { encoding: "utf8" }).stdout.trim();
      const seen = async (): Promise<unknown[]> => [
        crypto.randomUUID(),
        readFileSync("/proc/self/stat", "utf8").split(" ")[0] === String(process.pid),
        process.env.WHAT, process.cwd(), resolve("x"), existsSync("config.json"), (await promises.readFile("config.json")).length > 0,
        said("tool"), said("sh", "-c", "echo $WHAT $PWD"), new Date(0).toISOString(), await new Promise((done) => setTimeout(done, 1, "later")),
        spawnSync("sh", ["-c", "echo $WHAT$MORE"], { env: { ...process.env, MORE: "!" }, encoding: "utf8" }).stdout.trim(),
      ];
      const tap = async (spec: any) => ({ ...spec, process: { ...spec.process, args: ["echo", ...(await seen()).map(String)] } });
      export default { name: "p", apply(hooks: any) { hooks.config.tapPromise("p", tap); } };\n`,
      { mode: 0o644 },
    );
    const { stdout, stderr } = await inOwnRun(
      bundle,
      `${howItBegan} list
      cd "$BUNDLE"; mkdir /run/bin; printf '#!/bin/sh\necho found\n' >/run/bin/tool; chmod +x /run/bin/tool
      export WHAT=own PATH=/run/bin:$PATH
      life() { "$BOX" --root "$STATES" run --plugin ./plugin.ts "$ID"; }
      goesOn "$BOX" --root "$STATES" run --plugin ./plugin.ts "$ID"
      life; life; (exec -a BOX "$BOX" --root "$STATES" run --plugin ./plugin.ts "$ID")`,
    );
    expect(stderr).toBe("");
    const [first, second, ...lines] = linesOf(stdout);
    expect([first, second]).toEqual(["kept", "kept"]);
    const { folder } = bundle;
    const seen = `true own ${folder} ${folder}/x true true found own ${folder} 1970-01-01T00:00:00.000Z later own!`;
    expect(lines.map((line) => line.slice(line.indexOf(" ") + 1))).toEqual([seen, seen, seen]);
    expect(new Set(lines.map((line) => line.split(" ")[0])).size).toBe(3);
  });

  describe("is a plain one, in which each plugin runs once, with a plugin that", () => {
    const begins = (title: string, apply: string, before = ""): void =>
      test(title, async () => {
        using bundle = new Bundle(nothing);
        const log = `import { appendFileSync } from "node:fs"; appendFileSync("/run/loaded", "x");`;
        writeFileSync(`${bundle.folder}/first.ts`, `${log} export default { name: "f", apply() {} };\n`, { mode: 0o644 });
        writeFileSync(`${bundle.folder}/second.ts`, `${log} export default { name: "s", apply() { ${apply} } };\n`, { mode: 0o644 });
        const { stdout, stderr } = await inOwnRun(
          bundle,
          `${howItBegan} list; cd "$BUNDLE"; ${before}
          began "$BOX" --root "$STATES" $FLAGS run --plugin ./first.ts --plugin ./second.ts "$ID"; cat /run/loaded`,
        );
        expect([stderr, linesOf(stdout)]).toEqual(["", ["kept", "plain", "xx"]]);
      });

    begins("draws random numbers", "Math.random();");
    begins("asks Bun for something", "Bun.gc();");
    begins("fetches", "fetch('data:,x');");
    begins("asks for the local time, where a variable says which", "new Date().getHours();", "export TZ=Asia/Tokyo");
    begins("may be asked where it failed", "", "FLAGS='--log-level debug'");
  });

  /** Runs it where a start is kept, with that file as a plugin. */
  async function runWith(text: string, script: string): Promise<Outcome> {
    using bundle = new Bundle(nothing);
    writeFileSync(`${bundle.folder}/plugin.ts`, `${text}\n`, { mode: 0o644 });
    return await inOwnRun(bundle, `${howItBegan} cd "$BUNDLE"; run() { "$BOX" --root "$STATES" run "$@"; }\n${script}`);
  }

  test("runs a container once, whatever becomes of its plugin's file meanwhile", async () => {
    const tap = (hook: string, does: string): string => `hooks.${hook}.tap("p", () => { ${does} });`;
    const other = `globalThis.other = 1; export default { name: "p", apply(hooks) { ${tap("poststop", "console.log('stopped');")} } };`;
    const { stdout, stderr } = await runWith(
      `import { renameSync } from "node:fs";
      const move = () => renameSync("other.ts", "plugin.ts");
      export default { name: "p", apply(hooks: any) { ${tap("poststart", "move();")} ${tap("poststop", "")} } };`,
      `echo '${other.replaceAll("'", '"')}' >other.ts; chmod 644 other.ts
      cp plugin.ts first.ts; cp other.ts again.ts; goesOn "$BOX" --root "$STATES" run --plugin ./first.ts "$ID"
      cp first.ts plugin.ts; cp again.ts other.ts
      run --plugin ./plugin.ts "$ID" echo ran`,
    );
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual(["kept", "ran", "stopped"]);
  });

  test("has one module of a file that is named twice", async () => {
    const { stdout, stderr } = await runWith(
      `const names: string[] = [];
      const tap = (spec: any) => ({ ...spec, process: { ...spec.process, args: ["echo", ...names] } });
      const options = { type: "object", properties: { word: { type: "string" } } };
      export default { name: "p", options, apply(hooks: any, { word }: any) { names.push(word); hooks.config.tap("p", tap); } };`,
      `goesOn "$BOX" --root "$STATES" run --plugin ./plugin.ts:word=a --plugin ./plugin.ts:word=b "$ID"
      run --plugin ./plugin.ts:word=a --plugin ./plugin.ts:word=b "$ID"`,
    );
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual(["kept", "a b"]);
  });

  test("looks at the folders of a plugin's file as they are now", async () => {
    const { stderr, exitCode } = await runWith(
      'export default { name: "p", apply() {} };',
      `mkdir /run/plug; cp plugin.ts /run/plug; run --plugin /run/plug/plugin.ts "$ID"
      chmod 777 /run; run --plugin /run/plug/plugin.ts "$ID"`,
    );
    expect([stderr, exitCode]).toEqual([
      "box: --plugin /run/plug/plugin.ts: anyone may replace /run/plug/plugin.ts in /run, and it would run as the user that runs box\nhint: chmod o-w /run\n",
      125,
    ]);
  });

  test("with built-in plugins goes on", async () => {
    using bundle = new Bundle(nothing);
    const { stdout, stderr } = await inOwnRun(
      bundle,
      `${howItBegan} list
      life() { "$BOX" --root "$STATES" "$@"; }
      afresh() { rm /run/told; }
      goesOn "$BOX" --root "$STATES" run --plugin notify:file=/run/told --bundle "$BUNDLE" "$ID"
      grep -o '"event":"[a-z]*"' /run/told
      life run --log-driver json-file -d --bundle "$BUNDLE" "$ID"; life wait "$ID"; life delete "$ID"`,
    );
    expect(stderr).toBe("");
    expect(linesOf(stdout).slice(0, 2)).toEqual(["kept", "kept"]);
    expect(linesOf(stdout).slice(2)).toEqual(['"event":"start"', '"event":"stop"', "0"]);
  });

  test("with a plugin that asks for more is a plain one, at every point of its container's life, and hands on what it was handed", async () => {
    using bundle = new Bundle(nothing);
    const plugin = `${bundle.folder}/plugin.ts`;
    writeFileSync(
      plugin,
      "export default { name: 'p', apply(hooks) { for (const at of ['prestart', 'poststart', 'poststop']) hooks[at].tap('p', () => fetch && console.log(at)); } };\n",
      { mode: 0o644 },
    );
    const { stdout, stderr } = await inOwnRun(
      bundle,
      `${howItBegan} list
      life() { began "$BOX" --root "$STATES" "$@"; }
      exec 5<"$BUNDLE"/config.json 4</dev/null 3</dev/null
      life run --plugin "$BUNDLE"/plugin.ts --preserve-fds 3 --bundle "$BUNDLE" "$ID"
      "$BOX" --root "$STATES" run --plugin "$BUNDLE"/plugin.ts --preserve-fds 3 --bundle "$BUNDLE" "$ID" sh -c 'head -c 1 <&5 >&4' 4>/run/handed; cat /run/handed; echo
      life create --plugin "$BUNDLE"/plugin.ts --bundle "$BUNDLE" "$ID"
      "$BOX" --root "$STATES" start "$ID"
      "$BOX" --root "$STATES" delete --force "$ID"`,
    );
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual(["kept", "plain", "prestart", "poststart", "poststop", "{", "plain", "poststart", "poststop"]);
  });

  test("has no thread but one, also when it works for long, and gives back no memory that would have to read as zeros", async () => {
    using bundle = new Bundle(nothing);
    expect(await bundle.box(["create", "--bundle", bundle.folder, bundle.id])).toMatchObject({ exitCode: 0 });
    const state = readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8");
    const { stdout, stderr } = await (async () => {
      using others = new Bundle(nothing);
      for (let index = 0; index < 1500; index++) {
        mkdirSync(`${bundle.states}/${bundle.id}-${index}`);
        writeFileSync(`${bundle.states}/${bundle.id}-${index}/state.json`, state.replaceAll(bundle.id, `${bundle.id}-${index}`));
      }
      return await inOwnRun(
        others,
        `${howItBegan} list
        strace -f -qq -e trace=clone3,madvise -o /run/calls "$BOX" --root ${bundle.states} list | wc -l
        grep -q clone3 /run/calls || echo alone
        # In JavaScript's own blocks, of 16 KiB, nobody counts on zeros.
        grep -E ', [0-9]{5,}, MADV_DONTNEED' /run/calls | grep -v ', 12288, '`,
        { limitMs: 60_000 },
      );
    })();
    for (let index = 0; index < 1500; index++) rmSync(`${bundle.states}/${bundle.id}-${index}`, { recursive: true });
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual(["kept", "1502", "alone"]);
  });
});

describe("what does not fit is not gone on from", () => {
  const refuses = (title: string, change: string, began = "list"): void =>
    test(title, async () => {
      using bundle = new Bundle(nothing);
      const { stdout, stderr } = await inOwnRun(bundle, `${howItBegan} list\n${change}\n${began}`);
      expect(stderr).toBe("");
      expect(linesOf(stdout)).toEqual(["kept", "plain"]);
    });

  refuses("a file that others may write", `chmod 620 $START`);
  refuses("a file of somebody else", `chown 65534 $START`);
  refuses("a folder that others may read", `chmod 755 ${kept}`);
  refuses("a link", `mv $START ${kept}/else; ln -s else $START`);
  refuses("a pipe", `rm $START; mkfifo -m 600 $START`);
  refuses("a file cut short", `truncate -s 20 $START`);
  refuses("memory cut short", "truncate -s -4096 $START");
  refuses("an empty file", `truncate -s 0 $START`);
  refuses("a file of another kind", `printf x | dd of=$START conv=notrunc status=none`);
  refuses("another build in the place of box", `cp "$BOX" /run/other; BOX=/run/other`);
  refuses("an executable that was changed", `cp "$BOX" /run/other; BOX=/run/other; touch /run/other`);
  refuses("a descriptor in the place of one of Bun's own", "exec 64</dev/null");
  refuses("a missing stdin", "true", 'began bash -c \'exec "$0" "$@" <&-\' "$BOX" --root "$STATES" list');
  refuses("too few descriptors", "ulimit -n 40");
  refuses("too little room for memory", "true", 'began bash -c \'ulimit -v 60000000; exec "$0" "$@"\' "$BOX" --root "$STATES" list');
});

test("what fails when there is no way back: the command begins again, and no further one tries", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr, exitCode } = await inOwnRun(
    bundle,
    `${howItBegan}
    strace -qq -o /dev/null -e trace=rt_sigaction -e inject=rt_sigaction:error=EPERM:when=1 "$BOX" --root "$STATES" list | wc -l
    kept; list`,
  );
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(linesOf(stdout)).toEqual(["1", "start-mark", "plain"]);
});

test("with a file in place of the folder nothing is kept", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan}
    mkdir -m 711 /run/box; : >${kept}
    for n in 1 2 3; do "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; done
    list; ls -A /run/box; stat -c %s ${kept}`,
    { fresh: true },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["plain", ".kept", "0"]);
});

test("many second starts at once: one keeps, all run, and nothing else stays", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan}
    run() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID$1" && echo ran; }
    run 0
    for n in $(seq 12); do run $n & done; wait
    kept; list; pgrep --ns $$ --nslist mnt -c -f '^BOX keep-start' || true`,
    { fresh: true, limitMs: 60_000 },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual([...Array.from({ length: 13 }, () => "ran"), "start", "start-mark", "kept", "0"]);
});

test("whoever keeps is killed in the middle: the process that is kept ends with it, and the next start keeps", async () => {
  using bundle = new Bundle(nothing);
  const { stdout } = await inOwnRun(
    bundle,
    `${howItBegan}
    run() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    run
    strace -qq -o /dev/null -e trace=waitid -e inject=waitid:delay_enter=3000000:when=1 "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID" & tracer=$!
    until pgrep --ns $$ --nslist mnt -f '^BOX keep-start' >/run/child; do :; done
    pkill -9 -P $tracer; wait $tracer || true
    until grep -sq '^State:.[ZX]' /proc/$(cat /run/child)/status || ! test -e /proc/$(cat /run/child); do :; done; echo ended
    "$BOX" --root "$STATES" delete --force "$ID" 2>/dev/null || true
    run; list`,
    { fresh: true },
  );
  expect(linesOf(stdout)).toEqual(["ended", "kept"]);
});

test("has no bundle where its folder was, when that is gone", async () => {
  using bundle = new Bundle(nothing);
  const { stdout } = await inOwnRun(
    bundle,
    // Of a hundred starts one is plain, where the kernel has put something in the way: then Bun itself speaks of the folder.
    `mkdir /run/gone; cd /run/gone; rmdir /run/gone
    for start in 1 2 3 4; do
      code=0; said=$("$BOX" --root "$STATES" run "$ID" 2>&1) || code=$?
      case $said in "error: The current working directory was deleted"*) ;; *) break ;; esac
    done
    echo "$said"; echo "ended with $code"`,
  );
  expect(linesOf(stdout)).toEqual(["box: the current folder is gone, and . is relative to it", "ended with 125"]);
});

test("has variables of any name, and no others", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `for name in box BOX; do
      env __proto__=own bash -c 'exec -a "$@"' x $name "$BOX" --root "$STATES" run -e __proto__ -e toString --bundle "$BUNDLE" "$ID" env | grep -E "__|String"
    done`,
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["__proto__=own", "__proto__=own"]);
});

test("where /run is mounted noexec, as on Debian", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan} cut -d ' ' -f 1 $MARK; list; goesOn "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"
    "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID" echo ran`,
    { mount: "nodev,noexec,nosuid,mode=755" },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["kept", "kept", "kept", "ran"]);
});

test("where the kept start cannot be removed, the command begins again only once", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr, exitCode } = await inOwnRun(
    bundle,
    `${howItBegan} list
    mount -o remount,ro /run
    strace -qq -o "$BUNDLE"/calls -e trace=execve,unlinkat,mprotect -e inject=mprotect:error=EPERM:when=1 \\
      "$BOX" --root "$STATES" list | wc -l
    grep -c INJECTED "$BUNDLE"/calls; grep -c EROFS "$BUNDLE"/calls; grep -c execve "$BUNDLE"/calls`,
  );
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(linesOf(stdout)).toEqual(["kept", "1", "1", "1", "2"]);
});

test("plugins of the host are not loaded to keep a start, which has seen plans all the same", async () => {
  using bundle = new Bundle(nothing);
  const plugin = `import { appendFileSync } from "node:fs";
    appendFileSync("/run/loaded", "loaded for " + process.argv.includes("run") + "\\\\n");
    export default { name: "p", apply() {} };`;
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan}
    mkdir -p /run/etc/upper/box /run/etc/work
    mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work none /etc
    printf '%b' '${plugin.replaceAll("\n", "\\n")}' >/etc/box/p.ts; echo 'plugins: [./p.ts]' >/etc/box/config.yaml
    run() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    run; run; cat /run/loaded; names; cut -d ' ' -f 1 $MARK; list; grep -q plugged-pure $START && echo planned`,
    { fresh: true },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["loaded for true", "loaded for true", "kept", "kept", "planned"]);
});

test("a folder that outlives the boot: a start is kept again", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan} list
    cat /proc/sys/kernel/random/uuid >/run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
    run() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    list; run; run; list`,
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["kept", "plain", "kept"]);
});

test("a container is deleted in the rehearsal", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `run() { "$@" "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    run; run strace -qq -f -e trace=unlinkat -o /run/calls
    grep -c '/rehearsal/rehearsal", AT_REMOVEDIR) = 0' /run/calls`,
    { fresh: true },
  );
  expect([stderr, stdout]).toEqual(["", "1\n"]);
});

test("a box that ignores SIGCHLD keeps one as well", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan}
    run() { env --ignore-signal=CHLD "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    run; run; names; cut -d ' ' -f 1 $MARK; list`,
    { fresh: true },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["kept", "kept"]);
});

test("what a box left that was killed while it wrote is removed", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `run() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    run; : >${kept}/4194303; run; kept`,
    { fresh: true },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["start", "start-mark"]);
});

test("what a rehearsal left that was killed is removed, whatever it is, and nothing that a link there leads to is touched", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan}
    run() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    run; mkdir -p /run/else/rehearsal; echo own | tee /run/else/rehearsal/config.json >/run/else/rehearsal/state.json
    ln -s /run/else ${kept}/rehearsal; run; kept; cat /run/else/rehearsal/*
    rm ${kept}/start-*; run; mkdir -p ${kept}/rehearsal/rehearsal/wait/more; mkfifo ${kept}/rehearsal/rehearsal/config.json; run; kept; list`,
    { fresh: true },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["start", "start-mark", "own", "own", "start", "start-mark", "kept"]);
});

describe("a start that cannot be kept", () => {
  /** Box has no file in memory for what the process says that is to be kept. */
  const failing = `"$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; names
    refused() { strace -qq -o /run/calls -e trace=memfd_create -e inject=memfd_create:error=ENFILE:when=1 \\
      "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; cut -d ' ' -f 1 $MARK; kept; }
    run() { "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; cut -d ' ' -f 1 $MARK; kept; }`;

  test("is kept the next time", async () => {
    using bundle = new Bundle(nothing);
    const { stdout, stderr } = await inOwnRun(bundle, `${howItBegan} ${failing}\nrefused; run; list`, { fresh: true });
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual(["failed", "start-mark", "kept", "start", "start-mark", "kept"]);
  });

  test("twice is not tried again", async () => {
    using bundle = new Bundle(nothing);
    const { stdout, stderr } = await inOwnRun(bundle, `${howItBegan} ${failing}\nrefused; refused; run; list`, { fresh: true });
    expect(stderr).toBe("");
    expect(linesOf(stdout)).toEqual(["failed", "start-mark", "refused", "start-mark", "refused", "start-mark", "plain"]);
  });
});

test("whatever threads a start has, none takes a signal that is to wait while the container is made", async () => {
  using bundle = new Bundle((spec) => {
    nothing(spec);
    // Box runs it, so its parent is box.
    const look = "grep -h SigBlk /proc/$PPID/task/*/status >>/run/blocked; echo looked >>/run/blocked";
    spec.hooks = { createRuntime: [{ path: "/bin/bash", args: ["bash", "-c", look] }] };
  });
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `plain() { (exec -a BOX "$BOX" --root "$STATES" "$@" --bundle "$BUNDLE" "$ID"); }
    plain run; names; cut -d ' ' -f 1 $MARK; plain run; cut -d ' ' -f 1 $MARK; plain run
    plain create; "$BOX" --root "$STATES" delete --force "$ID"
    grep -c looked /run/blocked; test $(grep -c SigBlk /run/blocked) -gt 4 && echo more threads than starts
    while read -r name mask; do test "$name" = looked || test $((0x$mask & 0x4000)) -ne 0 || echo "takes SIGTERM"; done </run/blocked`,
    { fresh: true },
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual(["started", "kept", "4", "more threads than starts"]);
});

test("libc never asks for more heap, which has another place in the next process", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `run() { "$@" "$BOX" --root "$STATES" run --bundle "$BUNDLE" "$ID"; }
    run; run strace -qq -ff -e trace=brk,execve -o /run/calls
    sed -n 's/^brk.* = //p' $(grep -l keep-start /run/calls.*)`,
    { fresh: true },
  );
  expect(stderr).toBe("");
  const places = linesOf(stdout).map(Number);
  const [first = 0, last = 0] = [places[0], places.at(-1)];
  expect(first).toBeGreaterThan(0);
  // It grows once, by all that it may ever need.
  expect([...new Set(places)]).toEqual([first, last]);
  expect(last - first).toBeGreaterThan(1024 * 1024);
});

test("without the GNU C library box says so", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr, exitCode } = await inOwnRun(
    bundle,
    `mkdir /run/other; : >/run/other/box; mount --bind "$BOX" /run/other/box
    exec chroot /run/other /box --version`,
    { fresh: true },
  );
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 127 });
  expect(stderr).toMatch(/^box: \/lib\S*\/ld-linux-x86-64\.so\.2 is missing: box needs the GNU C library\n$/);
});

test("nobody becomes one to be kept by asking for it", async () => {
  expect(await execute([binary, "keep-start", "1"])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: unknown command keep-start\nhint: box --help lists the commands\n",
  });
});

test("nor does a shell's command, which would stop and write over what the shell has open", async () => {
  using bundle = new Bundle(nothing);
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `echo own >/run/open; "$BOX" keep-start $$ 3<>/run/open 2>&1 || echo "ended with $?"; cat /run/open; kept`,
  );
  expect(stderr).toBe("");
  expect(linesOf(stdout)).toEqual([
    ...["box: unknown command keep-start", "hint: box --help lists the commands", "ended with 1"],
    ...["own", "start", "start-mark"],
  ]);
});

test("what can be read only once is read by the plain start that a plugin asks for", async () => {
  using bundle = new Bundle(nothing);
  const plugin = "export default { name: 'p', apply() { console.error('loaded'); } };\n";
  writeFileSync(`${bundle.folder}/plugin.ts`, plugin, { mode: 0o644 });
  writeFileSync(`${bundle.folder}/given.yaml`, `rootfs: ${bundle.rootfs}\ncommand: [echo, ran]\n`);
  writeFileSync(`${bundle.folder}/filter.json`, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" }));
  // Each descriptor is opened when all that it gives has been written.
  const { stdout, stderr } = await inOwnRun(
    bundle,
    `${howItBegan} list; cd "$BUNDLE"
    box() { "$BOX" --root "$STATES" run --plugin "$BUNDLE"/plugin.ts "$@" 2>&1; }
    given() { exec 8< <(cat given.yaml); wait $!; }
    filter() { exec 9< <(cat filter.json); wait $!; }
    given; box --file /dev/stdin "$ID" <&8
    given; box --file /dev/fd/8 "$ID"
    filter; box --seccomp /dev/fd/9 "$ID" echo filtered
    given; filter; box --file /proc/self/fd/8 --seccomp /dev/fd/9 "$ID"
    box --file /dev/fd/8 "$ID" 8<given.yaml
    goesOn "$BOX" --root "$STATES" run --file given.yaml --seccomp filter.json "$ID"`,
  );
  expect(stderr).toBe("");
  const ran = ["loaded", "ran"];
  expect(linesOf(stdout)).toEqual(["kept", ...ran, ...ran, "loaded", "filtered", ...ran, ...ran, "kept"]);
});
