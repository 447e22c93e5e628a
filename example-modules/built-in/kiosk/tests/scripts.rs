//! The scripts do what the settings say, and run nothing of what is written in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;

use support::{Stage, of};

const SCREEN: &str = include_str!("../src/screen.sh");
const BROWSER: &str = include_str!("../src/browser.sh");
const SOUND: &str = include_str!("../src/sound.sh");
const VNC: &str = include_str!("../src/vnc.sh");
const SESSION: &str = include_str!("../src/session.sh");
const RESTART: &str = include_str!("../src/restart.sh");

const HOSTILE_URL: &str = "http://x/'\"; touch pwned; $(touch pwned) `touch pwned` \\ ${HOME} '' [1-9] {a,b} * ünï";

// ---- browser ----

fn browser(name: &str, curl: &str) -> Stage {
    let stage = Stage::new(name);
    stage.program("curl", curl).program("chromium", "").program("uname", "echo x86_64").program("sleep", "exit 1");
    stage
}

#[test]
fn the_browser_gets_the_url_as_one_argument() {
    let stage = browser("url", "echo 200");
    fs::write(stage.path("home/.config/chromium/SingletonLock"), "").unwrap();
    let calls = stage.run(BROWSER, &[&stage.file("url", HOSTILE_URL)]);
    let shown = of(&calls, "chromium");
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0][0], format!("--app={HOSTILE_URL}"));
    assert!(shown[0][1..].iter().all(|option| option.starts_with("--")), "{shown:?}");
    let asked = of(&calls, "curl");
    assert_eq!(asked[0][asked[0].len() - 2..], ["--", HOSTILE_URL]);
    assert!(asked[0].contains(&"--globoff".to_owned()));
    assert!(!stage.path("home/.config/chromium/SingletonLock").exists());
}

#[test]
fn an_url_is_never_an_option_and_keeps_every_byte() {
    for (index, url) in
        ["--no-sandbox", "-", "data:text/html,<b>\n</b>\n\n", " https://x ", "about:blank"].iter().enumerate()
    {
        let stage = browser(&format!("odd{index}"), "exit 3");
        let calls = stage.run(BROWSER, &[&stage.file("url", url)]);
        assert_eq!(of(&calls, "chromium")[0][0], format!("--app={url}"));
    }
}

#[test]
fn a_page_that_does_not_answer_is_waited_for() {
    // Nobody there, an error of a proxy, and then the page, which asks for a password.
    let stage = browser("wait", "case $count in 1 | 2) echo 000; exit 7 ;; 3) echo 502 ;; *) echo 401 ;; esac");
    stage.program("sleep", "[[ $1 == 3 ]]");
    stage.program("chromium", "case $1 in --app=data:*) trap 'echo >\"$RECORD.closed\"; exit' TERM; while :; do read -r -t 0.05 <> <(:) || true; done ;; esac");
    let calls = stage.run(BROWSER, &[&stage.file("url", "HTTPS://late.example")]);
    let shown = of(&calls, "chromium");
    assert_eq!(of(&calls, "curl").len(), 4);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0][0].starts_with("--app=data:text/html,"));
    assert_eq!(shown[1][0], "--app=HTTPS://late.example");
    assert!(stage.path("record.closed").exists(), "the loading page is closed");
}

#[test]
fn a_page_that_never_stops_sending_is_shown_at_once() {
    let stage = browser("stream", "echo 200; exit 28");
    let calls = stage.run(BROWSER, &[&stage.file("url", "http://camera/stream")]);
    assert_eq!(of(&calls, "chromium"), [of(&calls, "chromium")[0]]);
    assert_eq!(of(&calls, "chromium")[0][0], "--app=http://camera/stream");
}

#[test]
fn a_browser_that_ends_is_started_again() {
    let stage = browser("again", "echo 200");
    stage.program("chromium", "exit 139").program("sleep", "[[ $count -lt 3 ]]");
    let calls = stage.run(BROWSER, &[&stage.file("url", "http://x")]);
    assert_eq!(of(&calls, "chromium").len(), 3);
}

#[test]
fn the_gpu_is_left_alone_on_small_boards() {
    let stage = browser("gpu", "echo 200");
    let options = |calls: &[Vec<String>]| of(calls, "chromium")[0].contains(&"--disable-gpu".to_owned());
    assert!(!options(&stage.run(BROWSER, &[&stage.file("url", "http://x")])));
    fs::remove_file(stage.path("record")).unwrap();
    stage.program("uname", "echo aarch64");
    assert!(options(&stage.run(BROWSER, &[&stage.file("url", "http://x")])));
}

// ---- screen ----

const CVT: &str = "echo '# 1280x720 59.86 Hz (CVT 0.92M9) hsync: 44.77 kHz; pclk: 74.50 MHz'
echo 'Modeline \"1280x720_60.00\"   74.50  1280 1344 1472 1664  720 723 728 748 -hsync +vsync'";
const SCREENS: &str = "if [[ $1 == --query ]]; then cat <<'END'
Screen 0: minimum 320 x 200, current 1920 x 1080, maximum 8192 x 8192
HDMI-1 connected primary 1920x1080+0+0 (normal left inverted) 509mm x 286mm
   1920x1080     60.00*+
HDMI-2 disconnected (normal left inverted right x axis y axis)
DP-1 connected (normal left inverted right x axis y axis)
END
fi";

fn screen(name: &str) -> Stage {
    let stage = Stage::new(name);
    stage.program("cvt", CVT).program("xrandr", SCREENS).program("xset", "exit 1").program("unclutter", "");
    stage.program("xev", "").program("sleep", "").program("stdbuf", "shift; exec \"$@\"");
    stage
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn every_connected_screen_gets_mode_and_rotation() {
    let stage = screen("mode");
    let calls = stage.run(SCREEN, &["1280", "720", "60", "left"]);
    assert_eq!(of(&calls, "cvt"), [words("1280 720 60")]);
    let set: Vec<_> = of(&calls, "xrandr").into_iter().filter(|call| call[0] != "--query").collect();
    assert_eq!(
        set,
        [
            words("--newmode 1280x720_60.00 74.50 1280 1344 1472 1664 720 723 728 748 -hsync +vsync"),
            words("--addmode HDMI-1 1280x720_60.00"),
            words("--output HDMI-1 --pos 0x0 --rotate left --mode 1280x720_60.00"),
            words("--addmode DP-1 1280x720_60.00"),
            words("--output DP-1 --pos 0x0 --rotate left --mode 1280x720_60.00"),
        ]
    );
    assert_eq!(of(&calls, "xset"), [words("s off"), words("-dpms")]);
    assert_eq!(of(&calls, "xev"), [words("-root -event randr")]);
}

#[test]
fn a_screen_that_refuses_the_mode_line_still_turns() {
    let stage = screen("refuse");
    stage.program("xrandr", &format!("{SCREENS}\n[[ $1 != --newmode && $1 != --addmode && $* != *--mode* ]]"));
    let calls = stage.run(SCREEN, &["1280", "720", "50", "inverted"]);
    let set: Vec<_> = of(&calls, "xrandr").into_iter().filter(|call| call.contains(&"DP-1".to_owned())).collect();
    assert_eq!(set[2], words("--output DP-1 --pos 0x0 --rotate inverted --mode 1280x720 --rate 50"));
    assert_eq!(set[3], words("--output DP-1 --pos 0x0 --rotate inverted --auto"));
}

#[test]
fn without_a_mode_line_the_screens_own_is_used() {
    let stage = screen("no-cvt");
    stage.program("cvt", "echo usage >&2; exit 1");
    let calls = stage.run(SCREEN, &["1280", "720", "60", "normal"]);
    let set: Vec<_> = of(&calls, "xrandr").into_iter().filter(|call| call[0] != "--query").collect();
    assert_eq!(set[0], words("--output HDMI-1 --pos 0x0 --rotate normal --mode 1280x720 --rate 60"));
}

#[test]
fn a_screen_that_appears_later_is_set_up_and_own_changes_are_not_answered() {
    let stage = screen("later");
    stage.program("xev", "for _ in 1 2 3; do echo 'RRScreenChangeNotify event, serial 18'; echo '    root 0x1'; done");
    let query = SCREENS.replace("DP-1 connected", "DP-1 $([[ $count -gt 7 ]] && echo connected || echo disconnected)");
    stage.program("xrandr", &query.replace("'END'", "END"));
    let calls = stage.run(SCREEN, &["1280", "720", "60", "normal"]);
    let to =
        |screen: &str| of(&calls, "xrandr").iter().filter(|call| call[0] == "--output" && call[1] == screen).count();
    assert_eq!((to("HDMI-1"), to("DP-1")), (2, 1), "{calls:?}");
}

// ---- sound ----

const SINKS: &str = "if [[ $1 == list ]]; then
  printf '0\\talsa_output.usb-Plain\\tmodule-alsa-card.c\\ts16le 2ch 44100Hz\\tIDLE\\n'
  printf '1\\talsa_output.platform-HDMI.stereo\\tmodule-alsa-card.c\\ts16le 2ch 44100Hz\\tIDLE\\n'
  printf '2\\tsink.*; $(touch pwned) `touch pwned` [x]\\tmodule\\ts16le\\tIDLE\\n'
fi";

fn sound(name: &str, pactl: &str, arguments: &[&str]) -> Vec<Vec<String>> {
    let stage = Stage::new(name);
    stage.program("pactl", pactl).program("sleep", "");
    let file = arguments.get(1).map(|text| stage.file("sink", text));
    let arguments: Vec<&str> = arguments.iter().take(1).copied().chain(file.as_deref()).collect();
    stage.run(SOUND, &arguments)
}

#[test]
fn the_output_is_chosen_before_its_volume_is_set() {
    let calls = sound("hdmi", SINKS, &["42", "hdmi"]);
    assert_eq!(
        of(&calls, "pactl"),
        [words("list short sinks"), words("set-default-sink 1"), words("set-sink-volume @DEFAULT_SINK@ 42%")]
    );
}

#[test]
fn a_text_is_looked_for_as_it_is() {
    let calls = sound("fixed", SINKS, &["100", ".*; $(touch PWNED) `touch pwned` [x]"]);
    assert_eq!(of(&calls, "pactl")[1], words("set-default-sink 2"));
    let calls = sound("pattern", SINKS, &["100", "alsa.*"]);
    assert!(!calls.iter().any(|call| call.contains(&"set-default-sink".to_owned())), "no pattern");
    assert_eq!(of(&calls, "pactl").last().unwrap()[0], "set-sink-volume");
}

#[test]
fn sound_waits_for_its_server() {
    let calls = sound("server", "[[ $1 != info || $count -gt 3 ]]", &["0"]);
    assert_eq!(of(&calls, "sleep").len(), 3);
    assert_eq!(*of(&calls, "pactl").last().unwrap(), words("set-sink-volume @DEFAULT_SINK@ 0%"));
}

// ---- VNC ----

#[test]
fn the_vnc_password_is_passed_as_it_is_and_never_as_an_argument() {
    let password = "it's \"p\" $(touch pwned) \\n `x` ${HOME} %s -f  ";
    for (name, text) in [("vnc", password.to_owned()), ("vnc-line", format!("{password}\nview only\n"))] {
        let stage = Stage::new(name);
        stage.program("vncpasswd", "cat >\"$RECORD.stdin\"; printf obscured");
        stage.program("x0vncserver", "cp \"${3#*=}\" \"$RECORD.file\"; stat -c %a \"${3#*=}\" >\"$RECORD.mode\"");
        stage.program("sleep", "exit 1");
        let calls = stage.run(VNC, &[&stage.file("password", &text)]);
        assert_eq!(fs::read_to_string(stage.path("record.stdin")).unwrap(), format!("{password}\n"));
        assert_eq!(of(&calls, "vncpasswd"), [words("-f")]);
        let server = of(&calls, "x0vncserver")[0];
        assert_eq!(server[..2], ["-display", ":7"]);
        assert!(server[2].starts_with(&format!("-PasswordFile={}/", stage.path("run").display())), "{server:?}");
        assert_eq!(server.len(), 3);
        assert_eq!(fs::read_to_string(stage.path("record.file")).unwrap(), "obscured");
        assert_eq!(fs::read_to_string(stage.path("record.mode")).unwrap(), "600\n");
        assert!(!format!("{calls:?}").contains("touch"));
    }
}

#[test]
fn vnc_waits_for_a_secret() {
    let stage = Stage::new("late-secret");
    stage.program("vncpasswd", "cat >\"$RECORD.stdin\"").program("x0vncserver", "");
    stage.program("sleep", "case $1 in 2) [[ $count -lt 3 ]] || echo secret >late ;; *) exit 1 ;; esac");
    let late = stage.path("late");
    let calls = stage.run(VNC, &[late.to_str().unwrap()]);
    assert_eq!(calls[..3], [words("sleep 2"), words("sleep 2"), words("sleep 2")]);
    assert_eq!(fs::read_to_string(stage.path("record.stdin")).unwrap(), "secret\n");
}

// ---- the session, and its restart ----

#[test]
fn all_ends_with_the_x_server() {
    let stage = Stage::new("session");
    stage.program("xev", "until [[ -e started ]]; do read -r -t 0.05 <> <(:) || true; done; exit 1");
    let loops = "(trap 'echo >ended; exit' TERM; echo >started; while :; do read -r -t 0.05 <> <(:) || true; done) &\n";
    stage.run(&format!("{loops}{SESSION}"), &[]);
    for _ in 0..100 {
        if stage.path("ended").exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the program in the background goes on");
}

#[test]
fn a_switch_restarts_the_session_where_its_programs_changed() {
    for (action, new, list) in [
        ("switch", "new", Some("activation-restart-list")),
        ("test", "new", Some("activation-restart-list")),
        ("dry-activate", "new", Some("dry-activation-restart-list")),
        ("switch", "old", None),
        ("boot", "new", None),
    ] {
        let stage = Stage::new(&format!("restart-{action}-{new}"));
        for (system, config) in [("run/current-system", "old"), ("next", new)] {
            fs::create_dir_all(stage.path(system).join("etc/i3")).unwrap();
            stage.file(config, "");
            std::os::unix::fs::symlink(stage.path(config), stage.path(system).join("etc/i3/config")).unwrap();
        }
        let script = RESTART.replace("/run/", "run/");
        stage.run(&format!("systemConfig=next NIXOS_ACTION={action}\n{script}"), &[]);
        for name in ["activation-restart-list", "dry-activation-restart-list"] {
            let found = fs::read_to_string(stage.path("run/nixos").join(name)).ok();
            let expected = (list == Some(name)).then(|| "display-manager.service\n".to_owned());
            assert_eq!(found, expected, "{action} {new} {name}");
        }
    }
}

#[test]
fn a_boot_restarts_nothing() {
    let stage = Stage::new("restart-boot");
    stage.run(&format!("systemConfig=next\n{}", RESTART.replace("/run/", "run/")), &[]);
    assert!(!stage.path("run/nixos/activation-restart-list").exists());
}
