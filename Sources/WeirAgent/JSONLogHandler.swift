import Foundation
import Glibc
public import Logging

/// The log as JSON, a line an event, on stderr: time (RFC 3339, UTC), level, scope, message, and what the event has
/// beside, under its own names.
public struct JSONLogHandler: LogHandler {
    private let scope: String
    public var logLevel = Logger.Level.info
    public var metadata: Logger.Metadata = [:]

    /// - Parameter scope: the logger's label.
    public init(scope: String) {
        self.scope = scope
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
        fields["time"] = Date.now.ISO8601Format(.init(includingFractionalSeconds: true))
        fields["level"] = event.level.rawValue
        fields["scope"] = scope
        fields["message"] = "\(event.message)"
        guard let line = try? JSONText.line(fields) + "\n" else { return }
        // One call a line, so that lines of several threads do not mix.
        _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
}
