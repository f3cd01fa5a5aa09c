/// Says what is done and how long the rest will take: steps are planned with their seconds, and what those that are
/// over took corrects the estimate.
public final class Progress {
    private var planned = 0.0
    private var done = 0.0
    /// Of what is under way.
    private var current = 0.0
    private var part = 0.0
    private let begin = Clock.now
    private let write: (String) -> Void
    /// Before every line.
    var title = ""
    private var lastLine = -10.0

    /// - Parameter write: prints one line.
    public init(_ write: @escaping (String) -> Void) { self.write = write }

    func plan(seconds: Double) { planned += seconds }

    /// Something that was planned with so many seconds begins; what was before it is over.
    func begin(seconds: Double) {
        done += current
        current = seconds
        part = 0
    }

    /// How far it is, from 0 to 1; printed once a second, unless the line is `important`.
    func step(_ text: String, _ part: Double? = nil, important: Bool = false) {
        if let part { self.part = part }
        let now = elapsed
        guard important || now - lastLine >= 1 else { return }
        lastLine = now
        write("[\(Int(now)) s, \(estimate)] \(title.isEmpty ? "" : "\(title): ")\(text)")
    }

    var elapsed: Double { Clock.now - begin }

    private var estimate: String {
        let behind = done + current * part
        // Until something is known, the plan is what is known.
        let pace = behind > 5 ? min(3, max(0.3, elapsed / behind)) : 1
        let rest = max(0, planned - behind)
        return "about \(Int((rest * pace).rounded(.up))) s left"
    }
}
