// Shows Main.qml. Its properties come from the JSON object in the file that QT_KIOSK_SETTINGS names.

#include <QFile>
#include <QGuiApplication>
#include <QJsonDocument>
#include <QJsonObject>
#include <QQmlApplicationEngine>

int main(int argc, char *argv[])
{
    QGuiApplication application(argc, argv);

    QFile file(qEnvironmentVariable("QT_KIOSK_SETTINGS"));
    if (!file.open(QIODevice::ReadOnly))
        qFatal("QT_KIOSK_SETTINGS: %s", qPrintable(file.errorString()));
    const QJsonDocument settings = QJsonDocument::fromJson(file.readAll());
    if (!settings.isObject())
        qFatal("QT_KIOSK_SETTINGS: not a JSON object");

    QQmlApplicationEngine engine;
    QObject::connect(
        &engine, &QQmlApplicationEngine::objectCreationFailed, &application,
        [] { QCoreApplication::exit(1); }, Qt::QueuedConnection);
    engine.setInitialProperties(settings.object().toVariantMap());
    engine.loadFromModule("QtKiosk", "Main");
    return application.exec();
}
