{ lib, stdenv, cmake, ninja, qt6 }:
stdenv.mkDerivation {
  pname = "qt-kiosk";
  version = "1.0.0";
  src = ./app;

  # The hook makes `bin/qt-kiosk` a wrapper that knows where Qt's plugins and QML modules are.
  nativeBuildInputs = [ cmake ninja qt6.wrapQtAppsHook ];
  buildInputs = [ qt6.qtbase qt6.qtdeclarative qt6.qtwayland ];

  meta = {
    description = "A clock and a message, full screen";
    license = with lib.licenses; [ mit asl20 ];
    platforms = lib.platforms.linux;
    # What `lib.getExe`, and so the module's `nix::get_exe`, runs.
    mainProgram = "qt-kiosk";
  };
}
