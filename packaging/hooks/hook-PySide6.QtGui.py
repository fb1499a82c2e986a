"""In place of PyInstaller's own hook: the same, without the plugins that Tern never uses.

Left out here and not afterwards, so that what these plugins depend on does not come along either:
QtQuick for a virtual keyboard, GTK for a look of its own.
"""

from bundle import QT_PLUGINS_UNUSED, is_among
from PyInstaller.utils.hooks.qt import add_qt6_dependencies

hiddenimports, binaries, datas = add_qt6_dependencies(__file__)
binaries = [entry for entry in binaries if not is_among(entry[0], QT_PLUGINS_UNUSED)]
