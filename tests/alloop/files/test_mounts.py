from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.files.mounts import LOCAL, mount_of, mount_under, parse_mountinfo

SYSTEM = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
28 27 0:40 / /home rw,relatime shared:9 master:3 - autofs systemd-1 rw,fd=53,pgrp=1,timeout=0
29 28 0:50 / /home/ann rw,nosuid shared:10 - nfs4 srv:/home/ann rw,vers=4.2,hard,proto=tcp,local_lock=none,addr=10.0.0.2
30 27 0:51 / /old rw - nfs srv:/old rw,vers=3,nolock,proto=tcp,local_lock=all,addr=10.0.0.2
31 27 0:52 / /lustre rw - lustre 10.0.0.1@o2ib:/work rw,checksum,flock,lruresize,lazystatfs
32 27 0:53 / /lustre/fast rw - lustre 10.0.0.1@o2ib:/fast rw,checksum,localflock,lruresize
33 27 0:54 / /beegfs rw - beegfs beegfs_nodev rw,cfgFile=/etc/beegfs/beegfs-client.conf
34 27 0:55 / /gpfs rw - gpfs gpfs0 rw
35 27 0:56 / /mnt/with\\040blank rw - fuse.sshfs ann@srv:/data rw,user_id=1000,group_id=1000
36 27 0:57 / /win rw - cifs //srv/share rw,vers=3.1.1,cache=strict
37 27 0:58 / /twice rw - ext4 /dev/vdb rw
38 37 0:59 / /twice rw - nfs4 srv:/twice rw,vers=4.1,local_lock=flock
39 27 0:60 / /ceph rw - ceph mon:/ rw,name=admin,acl
40 27 0:61 / /host rw - 9p host rw,trans=virtio,version=9p2000.L
41 27 0:62 / /tmp rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "shared", "flock_reaches_all"),
    [
        ("/var/lib", "ext4", False, True),
        ("/tmp/x", "tmpfs", False, True),
        ("/home/ann/runs", "nfs4", True, True),
        ("/homes", "ext4", False, True),
        ("/old/runs", "nfs", True, False),
        ("/lustre/ann", "lustre", True, True),
        ("/lustre/fast/ann", "lustre", True, False),
        ("/lustre/faster", "lustre", True, True),
        ("/beegfs", "beegfs", True, False),
        ("/gpfs/a", "gpfs", True, False),
        ("/mnt/with blank/a", "fuse.sshfs", True, False),
        ("/win/a", "cifs", True, False),
        ("/twice/a", "nfs4", True, False),
        ("/ceph/a", "ceph", True, True),
        ("/host/a", "9p", True, False),
    ],
)
def test_the_mount_of_a_path_says_who_sees_it_and_how_far_flock_reaches(path, kind, shared, flock_reaches_all):
    mount = mount_under(Path(path), parse_mountinfo(SYSTEM))
    assert (mount.kind, mount.shared, mount.flock_reaches_all) == (kind, shared, flock_reaches_all)


def test_without_a_list_a_path_is_local():
    assert mount_under(Path("/a"), []) == LOCAL
    assert not LOCAL.shared


def test_this_system_is_understood(tmp_path):
    assert mount_of(tmp_path).kind != LOCAL.kind
    assert mount_of(Path("/proc/self")).kind == "proc"


@given(st.text())
def test_no_text_is_too_strange(text):
    parse_mountinfo(text)


names = st.text(st.characters(codec="utf-8", exclude_characters="/\x00\r\n", exclude_categories=["Cc", "Zl", "Zp"]))


@given(names.filter(lambda name: name not in ("", ".", "..")), st.sampled_from(["nfs4", "ext4", "fuse.sshfs"]))
def test_every_name_of_a_mount_point_is_found(name, kind):
    escaped = name.replace("\\", "\\134").replace(" ", "\\040")
    text = f"27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:9 / /{escaped} rw - {kind} src rw\n"
    assert mount_under(Path(f"/{name}/inside"), parse_mountinfo(text)).kind == kind
