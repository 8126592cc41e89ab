#!/usr/bin/env bash
# Downloads Debian packages at exact versions, checks them, and unpacks each into a folder of its name; nothing is
# installed, so that any user can. Packages are cached in ${XDG_CACHE_HOME:-~/.cache}/tvt/packages.
#
#   scripts/demo-packages.sh images FOLDER     captioned images
#   scripts/demo-packages.sh speech FOLDER     recordings with what is said in them
set -euo pipefail

# kind, package, version, SHA-256 of the .deb
packages='
images tuxpaint-stamps-default 2022.06.04-1 6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34
images openclipart-png 1:0.18+dfsg-19 f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02
images wesnoth-1.16-data 1:1.16.9-1 1012b964bd412a6770685e3324ae3b61e176caff7846192d1ee63d55cd621e26
images fonts-noto-color-emoji 2.042-0+deb12u1 a5ab0f69c7938423862320d9aca5dd187b3fd879d6a9a57dd52e17c3fa8d2751
images unicode-cldr-core 41-0.1 35d30d5d3bee4d8244e95236259c4c2a0db06e21bad696515751fcfeee4d0260
images wordnet-base 1:3.0-37 61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752
speech asterisk-core-sounds-en 1.6.1-1 973e797d28e37fa6ca3c0a9d6fa717e77cf1268ae916bf09fd3503113cdffa50
speech asterisk-core-sounds-en-wav 1.6.1-1 2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d
speech ktuberling-data 4:22.12.3-1 fba44c875bfa31ea488dadd9263e87a4dcaea0bd47d28817f6c0dc6d2af970ed
speech tuxpaint-stamps-default 2022.06.04-1 6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34
'

[ $# -eq 2 ] || { sed -n '2,/^$/s/^# \{0,1\}//p' "$0" | sed '/^set /d' >&2; exit 64; }
kind=$1 folder=$2
grep -q "^$kind " <<<"$packages" || { echo "demo-packages: there is no kind '$kind': images or speech" >&2; exit 64; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
  { echo "demo-packages: apt-get and dpkg-deb of Debian are needed" >&2; exit 78; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tvt/packages
mkdir -p "$cache" "$folder"

# is_right FILE SHA256
is_right() { [ -e "$1" ] && echo "$2  $1" | sha256sum --check --status; }

while read -r of package version sha256; do
  [ "$of" = "$kind" ] || continue
  stamp=$folder/.$package
  [ "$(cat "$stamp" 2>/dev/null)" = "$sha256" ] && continue
  file=$cache/${package}_${version//:/%3a}_all.deb
  if ! is_right "$file" "$sha256"; then
    echo "demo-packages: downloading $package $version" >&2
    staging=$(mktemp -d "$cache/download.XXXXXX")
    # As root, apt warns that its own user cannot write here, and downloads all the same.
    (cd "$staging" && apt-get download --quiet --quiet "$package=$version" 2>&1 </dev/null | { grep -v unsandboxed >&2 || true; })
    arrived=$(find "$staging" -name '*.deb')
    if ! is_right "$arrived" "$sha256"; then
      rm -rf "$staging"
      echo "demo-packages: $package $version did not arrive as it is known; nothing was unpacked." >&2
      echo "  apt-get update brings the list of packages up to date; an archive of old versions has those that are gone." >&2
      exit 69
    fi
    mv "$arrived" "$file"
    rm -rf "$staging"
  fi
  echo "demo-packages: unpacking $package" >&2
  rm -rf "$folder/$package" "$folder/$package.tmp"
  dpkg-deb --extract "$file" "$folder/$package.tmp"
  mv "$folder/$package.tmp" "$folder/$package"
  printf '%s' "$sha256" >"$stamp"
done <<<"$packages"
