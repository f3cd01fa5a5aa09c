import WeirBPF

/// When to look for pods that no plugin tells of. A runtime makes the namespace of a sandbox in a folder of its own, a
/// moment before the sandbox's first process: the folder's time is the cheapest sign that there is something to find.
struct SearchPace {
    /// Of containerd and CRI-O, and of Docker.
    private static let folders = ["/run/netns", "/run/docker/netns"]
    private static let eager = Duration.seconds(3)
    private static let seldom = Duration.seconds(5)

    private var lastSign = ContinuousClock.now
    private var lastLook = ContinuousClock.now - seldom
    private var seen: [FileIdentity?] = []
    private var lastDuration = Duration.zero
    /// Whether the CNI plugin has told of a pod: then it tells of those that come, and looking is for what it missed.
    var isTold = false

    /// Until it is asked again whether a look is due. Looking takes a fifth of a core at most.
    var pause: Duration { isEager ? max(.milliseconds(20), lastDuration * 4) : .milliseconds(100) }

    /// How long the last look took.
    mutating func took(_ duration: Duration) { lastDuration = duration }

    /// Something has happened from which a pod may come.
    mutating func quicken() { lastSign = .now }

    mutating func isDue() -> Bool {
        let found = Self.folders.map(FileIdentity.init)
        if found != seen { quicken() }
        seen = found
        let now = ContinuousClock.now
        guard isEager || now - lastLook >= Self.seldom else { return false }
        lastLook = now
        return true
    }

    private var isEager: Bool { !isTold && ContinuousClock.now - lastSign < Self.eager }
}
