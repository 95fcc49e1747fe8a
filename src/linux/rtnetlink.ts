// Messages about network devices and their addresses on a netlink socket (rtnetlink(7); include/uapi/linux/netlink.h,
// rtnetlink.h, if_link.h and if_addr.h): numbers, and where each field stands. Not in structs.ts, since no other tape passes
// these. test/linux/rtnetlink.test.ts compares every number and offset with the C headers of both machines.

export const rtnetlinkNumbers = {
  NETLINK_ROUTE: 0,
  NLM_F_REQUEST: 1,
  NLM_F_ACK: 4,
  NLM_F_DUMP_INTR: 0x10,
  NLM_F_DUMP: 0x300,
  NLM_F_EXCL: 0x200,
  NLM_F_CREATE: 0x400,
  NLMSG_ERROR: 2,
  NLMSG_DONE: 3,
  RTM_NEWLINK: 16,
  RTM_NEWADDR: 20,
  RTM_GETADDR: 22,
  RT_SCOPE_UNIVERSE: 0,
  IFA_F_PERMANENT: 0x80,
  IFA_LABEL: 3,
  IFLA_IFNAME: 3,
  IFLA_NET_NS_PID: 19,
  IFF_UP: 1,
} as const;

/** A message is a nlmsghdr, then an ifinfomsg or an ifaddrmsg, then attributes: each a rtattr and its value, in multiples of 4. */
export const rtnetlinkFields = {
  nlmsghdr: { nlmsg_len: 0, nlmsg_type: 4, nlmsg_flags: 6, nlmsg_seq: 8, nlmsg_pid: 12, bytes: 16 },
  nlmsgerr: { error: 0, bytes: 20 },
  ifinfomsg: { ifi_index: 4, ifi_flags: 8, ifi_change: 12, bytes: 16 },
  ifaddrmsg: { ifa_family: 0, ifa_prefixlen: 1, ifa_flags: 2, ifa_scope: 3, ifa_index: 4, bytes: 8 },
  rtattr: { rta_len: 0, rta_type: 2, bytes: 4 },
} as const;
