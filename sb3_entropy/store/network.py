"""Whether a file lies on a network: its computers share files there, but no memory."""

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = re.compile(
    r"^(nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|gpfs|beegfs|glusterfs|orangefs|pvfs2|ocfs2|gfs2|"
    r"fuse\.(sshfs|ceph|ceph-fuse|glusterfs|gcsfuse|s3fs|rclone|juicefs|lustre))$"
)


def is_network(path: str, mounts: Path = _MOUNTS) -> bool:
    """
    :param path: an absolute path
    :param mounts: the kernel's list of mounted file systems (proc(5), mountinfo)
    :return: whether the file system there is known to be shared over a network; False where there is no such list
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    nearest, kind = "", ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), fields.split(" ")[4])
        # A later mount hides an earlier one at the same place.
        if len(point) >= len(nearest) and os.path.commonpath([point, path]) == point:
            nearest, kind = point, rest.split(" ")[0]
    return bool(_NETWORK.match(kind))
