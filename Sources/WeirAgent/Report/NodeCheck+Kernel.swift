import Glibc
import WeirBPF
import WeirCore
import WeirNFT

extension NodeCheck {
    /// What each mechanism needs, and which one `auto` comes to.
    static func kernel(_ configuration: Configuration) -> [Check] {
        let types = attempt("the kernel has BTF") {
            guard access("/sys/kernel/btf/vmlinux", R_OK) == 0 else {
                throw InvalidValue(
                    "there is no /sys/kernel/btf/vmlinux; boot a kernel built with CONFIG_DEBUG_INFO_BTF=y")
            }
        }
        let (verified, usable) = ("the verifier accepts every program", "nftables can be used")
        let chosen = "what workloads would be intercepted with works here"
        if geteuid() != 0 { return [types, cannotSee(verified), cannotSee(usable), cannotSee(chosen)] }
        let programs = attempt(verified) { try Interceptor.verify() }
        let rules = attempt(usable) { try checkNFT() }
        let problem = [types, programs].compactMap(\.error).first
        // A fault of one mechanism is none where the other does.
        let needed = configuration.needsPrograms || !configuration.wantsPrograms ? [] : [types, programs]
        let faults = needed.contains { $0.result == .error } && rules.result == .success
        return (faults ? [types, programs].map(warning) : [types, programs])
            + [configuration.needsRules || faults ? rules : warning(rules)]
            + [choice(chosen, configuration, problem, rules.error)]
    }

    private static func choice(
        _ title: String, _ configuration: Configuration, _ whyNoPrograms: String?, _ whyNoRules: String?
    ) -> Check {
        let choice = MechanismChoice(nil, configuration.mechanism, whyNoPrograms: whyNoPrograms)
        let problem = choice.mechanism == .nftables ? whyNoRules : whyNoPrograms
        let what = "\(choice.mechanism.rawValue) (\(choice.because))"
        if let problem { return fail(title, "\(what): \(problem)") }
        return pass("workloads are intercepted with \(what) where they do not say")
    }

    /// Has nft and the kernel look at what rules of Weir's consist of; nothing is changed.
    private static func checkNFT() throws {
        var policy = PolicySpecification(dialect: Dialect.custom)
        policy.outboundPort = 15001
        try NFT().check(try Ruleset(try PolicyCompiler.compile(policy)).text)
    }

    private static func warning(_ check: Check) -> Check {
        check.result == .error ? warn(check.description, check.error ?? "", hint: check.hint) : check
    }
}
