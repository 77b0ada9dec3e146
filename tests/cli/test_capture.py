"""scripts/capture-device: this machine and a made-up device behind a made-up adb; what may not get into the folder."""
import json
import os
import subprocess
import textwrap

from cli import Case, main

CAPTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "capture-device")

# What the made-up device would give away.
SECRETS = ["R58N123ABCD", "a1b2c3d4e5f60718", "00:1a:2b:3c:4d:5e", "356938035643809", "alice", "HomeNet",
           "0f1e2d3c4b5a69788796a5b4c3d2e1f0"]

GETPROP = """\
[gsm.imei]: [356938035643809]
[net.hostname]: [alice-phone]
[persist.sys.wifi.ssid]: [HomeNet]
[ro.board.platform]: [kalama]
[ro.boot.serialno]: [R58N123ABCD]
[ro.boot.wifimacaddr]: [00:1a:2b:3c:4d:5e]
[ro.build.version.release]: [14]
[ro.product.cpu.abilist]: [arm64-v8a]
[ro.product.model]: [Made-up 1]
[ro.product.model.owner]: [alice]
[ro.serialno]: [R58N123ABCD]
"""
BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  level: 83
  voltage: 4123
  temperature: 268
  serial: R58N123ABCD
  battery FirstUseDate: alice
"""
VKJSON = """\
{
  "properties" : {
    "deviceName" : "Adreno 740",
    "pipelineCacheUUID" : [ 7, 8, 9 ],
    "apiVersion" : "0x403000"
  },
  "deviceUUID" : [
    12,
    34
  ],
  "deviceLUID" : [ 5 ], "vendorID" : 20803
}
"""
CPUINFO = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4e\nHardware\t: Made-up\nSerial\t\t: a1b2c3d4e5f60718\n"
CGROUP = "0::/docker/0f1e2d3c4b5a69788796a5b4c3d2e1f0\n"

TOOLS = {
    "getprop": "cat $DEVICE/getprop",
    "dumpsys": "case $1 in battery) cat $DEVICE/battery ;; *) echo \"Can't find service: $1\"; exit 20 ;; esac",
    "cmd": "cat $DEVICE/vkjson",
    # The device's head, which knows its files better than this machine's kernel does.
    "head": """
        for path in "$@"; do :; done
        case $path in
        /proc/cpuinfo | /proc/self/cgroup) cat "$DEVICE$path" ;;
        /proc/loadavg) echo "head: $path: Permission denied" >&2; exit 1 ;;
        /proc/vmstat) echo "head: read error: I/O error" >&2; exit 1 ;;
        *) exec /usr/bin/head "$@" ;;
        esac""",
}
# Facts that a capture cannot know or that do not stand still.
MOVING = ("probe.", "load.", "gpu.", "power.", "storage.", "thermal.", "memory.available",
          "memory.swap_free", "memory.zram", "cpu.cluster")
LIVE = ("virt.hypervisor", "topology.check", "cpu.isa")


class Capture(Case):
    def setUp(self):
        super().setUp()
        self.tree = self.path("device")
        os.makedirs(self.path("bin"))
        self.env["PATH"] = self.path("bin") + ":" + os.environ["PATH"]

    def capture(self, *args, code=0):
        done = subprocess.run([CAPTURE, *args], cwd=self.place, env=self.env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=100, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        if code == 1:
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertFalse(os.path.exists(self.tree))
        return done.stderr

    def script(self, path, text):
        path = self.path(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + textwrap.dedent(text) + "\n")
        os.chmod(path, 0o755)

    def write(self, path, text):
        path = self.path(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def adb(self, behind):
        """An adb that insists on its arguments and has this behind it."""
        self.script("bin/adb", '[ "$*" = "-s FAKE-1 shell sh" ] || { echo "adb: $*" >&2; exit 1; }\n'
                    + textwrap.dedent(behind))

    def device(self):
        for name, text in TOOLS.items():
            self.script("tools/" + name, text)
        for path, text in (("getprop", GETPROP), ("battery", BATTERY), ("vkjson", VKJSON), ("proc/cpuinfo", CPUINFO),
                           ("proc/self/cgroup", CGROUP)):
            self.write("fake/" + path, text)
        self.env["DEVICE"] = self.path("fake")
        self.adb(f'PATH="{self.path("tools")}:$PATH" exec sh')

    def read(self, path):
        with open(os.path.join(self.tree, path), encoding="utf-8") as file:
            return file.read()

    def facts(self, *args):
        out, _ = self.run_it("profile", "-o", "json", *args)
        return {f["key"]: f for f in json.loads(out)["facts"]}

    def test_this_machine(self):
        self.capture("device")
        live, captured = self.facts("--passive"), self.facts("--root", self.tree)
        compared = 0
        for key, fact in live.items():
            if key.startswith(MOVING) or key in LIVE:
                continue
            self.assertIn(key, captured)
            if captured[key].get("unknown") == "only the running machine tells":
                continue
            self.assertEqual(fact["value"], captured[key]["value"], key)
            self.assertEqual(fact.get("unknown"), captured[key].get("unknown"), key)
            compared += 1
        self.assertGreater(compared, 20)

    def test_over_adb(self):
        self.device()
        self.capture("-s", "FAKE-1", "device")
        facts = self.facts("--root", self.tree)
        self.assertEqual(facts["device.model"]["value"], "Made-up 1")
        self.assertEqual(facts["os.name"]["value"], "Android 14")
        self.assertEqual(facts["load.average_1min"]["unknown"], "denied")
        self.assertIn("Cortex-X3", facts["cpu.cluster0.cores"]["value"])
        access = self.read("access").splitlines()
        self.assertIn("denied /proc/loadavg", access)
        self.assertIn("unreadable /proc/vmstat", access)
        self.assertIn("unreadable /commands/dumpsys_thermalservice", access)
        self.assertEqual(self.read("commands/getprop").splitlines(),
                         ["[ro.board.platform]: [kalama]", "[ro.build.version.release]: [14]",
                          "[ro.product.cpu.abilist]: [arm64-v8a]", "[ro.product.model]: [Made-up 1]"])
        self.assertEqual(self.read("commands/dumpsys_battery").splitlines(), BATTERY.splitlines()[:-2])
        gpu = json.loads(self.read("commands/cmd_gpu_vkjson"))
        self.assertEqual(gpu["deviceUUID"], [0, 0])
        self.assertEqual(gpu["properties"]["pipelineCacheUUID"], [0, 0, 0])
        self.assertEqual(gpu["properties"]["apiVersion"], "0x403000")
        self.assertEqual(gpu["properties"]["deviceName"], "Adreno 740")

    def test_nothing_of_the_owner(self):
        self.device()
        self.write("fake/proc/cpuinfo", CPUINFO + "Hardware : 00:1a:2b:3c:4d:5e\n")
        said = self.capture("-s", "FAKE-1", "device")
        self.assertIn("/proc/cpuinfo", said)  # left out as a whole, and told
        self.assertIn("/docker/" + "0" * 32, self.read("proc/self/cgroup"))
        for folder, _, names in os.walk(self.tree):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    content = (path + "\n").encode() + file.read()
                for secret in SECRETS:
                    self.assertNotIn(secret.encode(), content, path)

    def test_broken_off(self):
        self.device()
        tools = self.path("tools")
        self.adb(f'PATH="{tools}:$PATH" sh | /usr/bin/head -n 5')  # adb itself says 0
        self.assertIn("broke off", self.capture("-s", "FAKE-1", "device", code=1))
        self.adb("echo 'error: device offline' >&2; exit 1")
        self.assertIn("device offline", self.capture("-s", "FAKE-1", "device", code=1))
        self.adb("cat >/dev/null; echo END 0")
        self.assertIn("nothing could be read", self.capture("-s", "FAKE-1", "device", code=1))

    def test_hangs(self):
        self.adb("exec sleep 60")
        self.env["CAPTURE_MAX_S"] = "1"
        self.assertIn("not done after 1 s", self.capture("-s", "FAKE-1", "device", code=1))

    def test_paths_are_not_trusted(self):
        lines = ["L /../../escaped x", "L /sys/../../escaped x", "F ../escaped eA==", "C ../escaped eA==",
                 "L /sys/a;b x", "M /..", "L /sys/fine x", "L /sys/hid-00:1a:2b:3c:4d:5e-battery/type x", "Z /sys/z x"]
        self.write("answers", "\n".join(lines) + f"\nEND {len(lines)}\n")
        self.adb(f'cat >/dev/null; cat {self.path("answers")}')
        self.capture("-s", "FAKE-1", "device")
        self.assertEqual(self.read("sys/fine"), "x\n")
        found = sorted(os.path.join(d, n) for d, _, names in os.walk(self.place) for n in names)
        self.assertEqual([f for f in found if "escaped" in f or "hid-" in f or f.endswith(("/z", "a;b"))], [])
        self.assertEqual(sorted(os.listdir(self.tree)), ["README.md", "sys"])

    def test_wrong_use(self):
        for args in ([], ["-x"], ["a", "b"], ["-s"], ["-s", "x"], [""]):
            self.assertIn("usage:", self.capture(*args, code=2))
        os.makedirs(self.path("there"))
        done = subprocess.run([CAPTURE, "there"], cwd=self.place, env=self.env, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("name a new folder", done.stderr)
        self.env["PATH"] = self.path("bin") + ":/usr/bin:/bin"
        if not any(os.access(os.path.join(d, "adb"), os.X_OK) for d in ("/usr/bin", "/bin")):
            self.assertIn("no adb", self.capture("-s", "FAKE-1", "device", code=1))


if __name__ == "__main__":
    main()
