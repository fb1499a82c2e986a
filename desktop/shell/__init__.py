"""The window as a program among others: layout, menus, keys, tray, one instance."""
