// The smallest policy that tells labels apart, for a machine that has none: box and all else run as base_t and may do anything;
// box_t is for containers, and sees keys of its own label alone. Classes that it does not name are allowed whole
// (checkpolicy -U allow), and the initial contexts are in the kernel's order, of which those after the fifth may be left out.

const filesystems = ["ext4", "overlay"].map((type) => `fs_use_xattr ${type} base_u:object_r:file_t:s0;`);
const made = ["tmpfs", "devpts", "mqueue"].map((type) => `fs_use_trans ${type} base_u:object_r:file_t:s0;`);
const one = ["proc", "sysfs", "selinuxfs", "cgroup2"].map((type) => `genfscon ${type} / base_u:object_r:file_t:s0`);

export const selinuxPolicy = `
class process
class key
class file
class filesystem
class security
class dir
sid kernel
sid security
sid unlabeled
sid fs
sid file
class process { transition dyntransition setexec setkeycreate }
class key { view read write search link setattr create }
class file { entrypoint execute read write open }
class filesystem { associate mount }
class security { load_policy setenforce compute_av check_context }
class dir { search relabelfrom relabelto }
sensitivity s0;
dominance { s0 }
category c0; category c1; category c2;
level s0:c0.c2;
mlsconstrain file { read } ( h1 dom h2 or t1 == base_t );
policycap nnp_nosuid_transition;
attribute any;
type base_t, any;
type box_t, any;
type closed_t, any;
type file_t, any;
role base_r;
role base_r types { base_t box_t closed_t };
allow base_t { base_t box_t }:process { transition setexec setkeycreate };
allow any any:file *;
allow any any:dir *;
allow any any:filesystem *;
allow any any:security *;
allow base_t any:key *;
allow box_t box_t:key *;
user base_u roles { base_r } level s0 range s0 - s0:c0.c2;
sid kernel base_u:base_r:base_t:s0 - s0:c0.c2
sid security base_u:object_r:file_t:s0
sid unlabeled base_u:object_r:file_t:s0
sid fs base_u:object_r:file_t:s0
sid file base_u:object_r:file_t:s0
${[...filesystems, ...made, ...one].join("\n")}
`;
