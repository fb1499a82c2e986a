#!/bin/sh
# Pack the bundle for Debian and Ubuntu: dist/tern -> dist/tern-chat_VERSION_ARCHITECTURE.deb
#
# It needs the C library of the system it was built on, or a newer one.
set -eu

cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
architecture=$(dpkg --print-architecture)
libc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)
root=build/deb
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/lib" \
    "$root/usr/share/doc/tern-chat" "$root/usr/share/icons"
cp -al dist/tern "$root/usr/lib/tern-chat"
ln -s ../lib/tern-chat/tern "$root/usr/bin/tern"
cp -r build/icons/hicolor "$root/usr/share/icons/"
install -Dm644 packaging/linux/tern.desktop "$root/usr/share/applications/tern.desktop"
install -Dm644 packaging/linux/*.metainfo.xml -t "$root/usr/share/metainfo"
cp LICENSE "$root/usr/share/doc/tern-chat/copyright"
cat >"$root/DEBIAN/control" <<CONTROL
Package: tern-chat
Version: $version
Architecture: $architecture
Maintainer: The Tern developers <tern-chat@localhost>
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f1)
Depends: libc6 (>= $libc), libegl1, libgl1, libopengl0, libxcb1, zlib1g
Recommends: fonts-dejavu-core, xdg-utils
Section: utils
Priority: optional
Description: private chat with language models on your own CPU
 Runs Hugging Face models in bf16, int8 (SmoothQuant) or int4 in a window, and
 shows tokens per second and memory while it answers. With a demo model.
CONTROL
# Level 6 of 19: minutes less, a few per cent more.
dpkg-deb --root-owner-group -Zzstd -z6 --build "$root" "dist/tern-chat_${version}_$architecture.deb"
rm -rf "$root"
