import Foundation

/// Waiting for something that happens in another process. Limits are generous: they bound a hang, they assert nothing.
public enum Eventually {
    public static func value<T>(within seconds: Double = 60, _ body: () throws -> T?) rethrows -> T? {
        let start = DispatchTime.now().uptimeNanoseconds
        var pause: UInt32 = 500
        while true {
            if let value = try body() { return value }
            if Double(DispatchTime.now().uptimeNanoseconds - start) > seconds * 1e9 { return nil }
            usleep(pause)
            pause = min(pause * 2, 10_000)
        }
    }
}
