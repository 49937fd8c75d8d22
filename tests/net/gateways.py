# SPDX-License-Identifier: ISC
"""
Two gateways whose tunnel iked negotiates, each with a default route outside,
where a capture would see what leaves in the clear.

         namespace a                              namespace b
    10.9.0.1 on sec0                         10.9.0.2 on sec0
     iked, secd  |                                |  secd, iked
          eth0 192.0.2.1 -----captured------ 192.0.2.2 eth0
"""
import daemon
import ike
import lib

OUTER = ("192.0.2.1", "192.0.2.2")
OUTER6 = ("2001:db8::1", "2001:db8::2")
INNER = ("10.9.0.1", "10.9.0.2")
# octets that nothing else sends: pings and flows inside carry them
MARKER = b"secd-inside-only"


class Gateways:
    """more is put into each interface's block; supervised daemons are started
    again when they end, as a service manager does."""

    def __init__(self, more="", active=(True, True), supervised=True, tag="",
            args=(), outer=OUTER):
        self.ns = [lib.Ns(n + tag) for n in "ab"]
        lib.link(*self.ns, v4=OUTER, v6=OUTER6)
        self.d, self.iked = [], []
        for i, ns in enumerate(self.ns):
            ns.run("ip route add default via %s" % OUTER[1 - i])
            conf = "interface sec0 { local %s peer %s; inet %s/24 %s; %s }\n" \
                % (outer[i], outer[1 - i], INNER[i], INNER[1 - i], more)
            self.d.append(ike.SecdService(ns, conf))
            if supervised:
                self.d[i].supervise("-v")
            else:
                self.d[i].start("-v")
            self.iked.append(ike.Iked(ns, self.d[i], ike.iked_conf("x",
                outer[i], outer[1 - i], active[i]), restart=supervised,
                args=args))
        self.wire = lib.Capture(self.ns[0], snap=200)
        for i in (1, 0):
            self.iked[i].start()
        ike.wait_tunnel(*self.d)

    def again(self, what, seconds):
        """Traffic passes both ways within so many seconds."""
        took = ike.await_ping(self.ns[0], *INNER, timeout=seconds + 5)
        lib.ok(took is not None and took <= seconds, "%s: traffic again "
            "after %s, at most %d s" % (what, "ever" if took is None else
            "%.1f s" % took, seconds))

    def no_cleartext(self, name):
        bad = []
        for f in self.wire.frames():
            ip = lib.frame_ip(f)
            if ip is not None and (ip.src in INNER or ip.dst in INNER or
                    (ip.proto not in (lib.ESP, 17, 58, 0, None) and
                    ip.src in OUTER and not lib._quotes_esp(ip))):
                bad.append(f)
        lib.none(bad, name + ": nothing inside was seen outside")

    def close(self):
        for i in (0, 1):
            self.iked[i].stop()
            self.d[i].unsupervise()
            self.d[i].stop()
