import QtQuick

Window {
    id: window

    required property string message
    required property color textColor
    required property color backgroundColor
    required property int rotation
    // A format of Qt.formatTime; empty: no clock.
    required property string clock

    readonly property bool upright: rotation % 180 === 0
    property date now: new Date()

    visible: true
    visibility: Window.FullScreen
    color: backgroundColor

    Timer {
        interval: 1000
        repeat: true
        running: window.clock !== ""
        onTriggered: window.now = new Date()
    }

    Item {
        anchors.centerIn: parent
        width: window.upright ? window.width : window.height
        height: window.upright ? window.height : window.width
        rotation: window.rotation

        Column {
            anchors.centerIn: parent
            width: parent.width * 0.9
            spacing: parent.height * 0.05

            Text {
                visible: window.clock !== ""
                anchors.horizontalCenter: parent.horizontalCenter
                color: window.textColor
                font.pixelSize: Math.min(window.width, window.height) * 0.22
                text: Qt.formatTime(window.now, window.clock)
            }

            Text {
                width: parent.width
                horizontalAlignment: Text.AlignHCenter
                wrapMode: Text.Wrap
                color: window.textColor
                font.pixelSize: Math.min(window.width, window.height) * 0.07
                text: window.message
                // By default, Qt takes a text that looks like HTML for HTML, and loads the images in it.
                textFormat: Text.PlainText
            }
        }
    }
}
