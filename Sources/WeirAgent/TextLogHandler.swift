public import Logging
import WeirCore

/// The log as text, a line an event, on stderr, as swift-log writes it: what an event says can neither begin another line
/// nor reach the terminal as more than text.
public struct TextLogHandler: LogHandler {
    private var stream: StreamLogHandler

    /// - Parameter scope: the logger's label.
    public init(scope: String) {
        stream = .standardError(label: scope)
    }

    public var logLevel: Logger.Level {
        get { stream.logLevel }
        set { stream.logLevel = newValue }
    }

    public var metadata: Logger.Metadata {
        get { stream.metadata }
        set { stream.metadata = newValue.mapValues(Self.printable) }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { stream[metadataKey: key] }
        set { stream[metadataKey: key] = newValue.map(Self.printable) }
    }

    public func log(event: LogEvent) {
        var event = event
        event.message = "\("\(event.message)".printable)"
        event.metadata = event.metadata?.mapValues(Self.printable)
        if let error = event.error {
            event.error = nil
            event.metadata = (event.metadata ?? [:]).merging(["error": "\("\(error)".printable)"]) { $1 }
        }
        stream.log(event: event)
    }

    private static func printable(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
        .string("\(value)".printable)
    }
}
