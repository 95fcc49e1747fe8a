import { expect, test } from "bun:test";
import { type Entry, readControlFile } from "../../src/cgroup/control-files.ts";

/** An entry in short: key, value, unit, and a + for what counts. */
const short = ({ key, value, unit, counts }: Entry): string => `${key}|${value}|${unit}${counts ? "+" : ""}`;
const check = (file: string, text: string, ...expected: readonly string[]): void =>
  test(`${file} ${JSON.stringify(text.slice(0, 30))}`, () => expect(readControlFile(file, text).map(short)).toEqual([...expected]));

check("memory.current", "4096\n", "|4096|bytes");
check("memory.peak", "8192\n", "|8192|bytes");
check("memory.max", "max\n", "|max|bytes");
check("memory.swap.max", "10\n", "|10|bytes");
check("memory.limit_in_bytes", "9223372036854771712\n", "|max|bytes");
check("memory.kmem.tcp.usage_in_bytes", "0\n", "|0|bytes");
check("memory.failcnt", "3\n", "|3|count+");
check("memory.swappiness", "60\n", "|60|count");
check(
  "memory.stat",
  "anon 12\npgfault 7\nworkingset_refault_anon 3\nslab 9\n",
  "anon|12|bytes",
  "pgfault|7|count+",
  "workingset_refault_anon|3|count+",
  "slab|9|bytes",
);
check(
  "memory.stat",
  "cache 12\ntotal_pgpgin 7\nhierarchical_memory_limit 9223372036854771712\n",
  "cache|12|bytes",
  "total_pgpgin|7|count+",
  "hierarchical_memory_limit|max|bytes",
);
check("memory.events", "low 0\noom_kill 2\n", "low|0|count+", "oom_kill|2|count+");
check(
  "memory.numa_stat",
  "anon N0=4096 N1=0\nfile N0=1 N1=2\n",
  "anon N0|4096|bytes",
  "anon N1|0|bytes",
  "file N0|1|bytes",
  "file N1|2|bytes",
);
check("memory.numa_stat", "total=192 N0=192\nfile=179 N0=179\n", "|total=192 N0=192 file=179 N0=179|text");
check("cpu.stat", "usage_usec 12\nnr_periods 3\n", "usage_usec|12|us+", "nr_periods|3|count+");
check("cpu.stat", "nr_throttled 3\nthrottled_time 99\n", "nr_throttled|3|count+", "throttled_time|99|ns+");
check(
  "cpu.pressure",
  "some avg10=0.22 avg60=1.50 avg300=0.00 total=42\n",
  "some avg10|0.22|percent",
  "some avg60|1.5|percent",
  "some avg300|0|percent",
  "some total|42|us+",
);
check("cpu.max", "max 100000\n", "|max 100000|text");
check("cpu.weight", "100\n", "|100|count");
check("cpu.cfs_period_us", "100000\n", "|100000|us");
check("cpu.cfs_quota_us", "-1\n", "|-1|us");
check("cpuacct.usage", "4700\n", "|4700|ns+");
check("cpuacct.stat", "user 3\nsystem 4\n", "user|3|ticks+", "system|4|ticks+");
check("cpuacct.usage_percpu", "12 34 \n", "|12 34|text");
check(
  "io.stat",
  "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n",
  "8:0 rbytes|1|bytes+",
  "8:0 wbytes|2|bytes+",
  "8:0 rios|3|count+",
  "8:0 wios|4|count+",
);
check("blkio.throttle.io_service_bytes", "8:0 Read 12\nTotal 12\n", "8:0 Read|12|bytes+", "Total|12|bytes+");
check("blkio.bfq.io_serviced", "Total 3\n", "Total|3|count+");
check("blkio.bfq.weight", "100\n", "|100|count");
check("hugetlb.2MB.current", "2097152\n", "|2097152|bytes");
check("hugetlb.2MB.rsvd.max", "max\n", "|max|bytes");
check("hugetlb.2MB.events", "max 1\n", "max|1|count+");
check("pids.current", "3\n", "|3|count");
check("cgroup.procs", "12\n13\n14\n", "|12 13 14|text");
check("cgroup.procs", "12\n", "|12|count");
check("cgroup.events", "populated 1\nfrozen 0\n", "populated|1|count", "frozen|0|count");
check("cgroup.controllers", "cpuset cpu io\n", "|cpuset cpu io|text");
check("cgroup.type", "domain\n", "|domain|text");
check("cpuset.cpus", "0-1\n", "|0-1|text");
check("cpuset.cpus", "\n");
check("cgroup.subtree_control", "");
check("devices.list", "c 1:3 rwm\nc 1:5 rwm\n", "|c 1:3 rwm c 1:5 rwm|text");
check("new.file", "a b c d 5\nx 3\n", "|a b c d 5 x 3|text");
