#include "check/matching.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace fdorigin::check {
namespace {

using model::Descriptor;
using model::Frame;
using model::Report;
using model::Socket;

// Whether nothing was asked, or one of what was asked holds.
template <typename T, typename Predicate>
bool AnyOf(const std::vector<T>& asked, const Predicate& predicate) {
  return asked.empty() || std::any_of(asked.begin(), asked.end(), predicate);
}

bool IsIn(std::string_view text, const std::vector<std::string>& words) {
  return AnyOf(words, [text](const std::string& word) { return word == text; });
}

bool MatchesPath(const Glob& glob, std::string_view target) {
  constexpr std::string_view kDeleted = " (deleted)";
  return glob.Matches(target) || (target.ends_with(kDeleted) &&
                                  glob.Matches(target.substr(0, target.size() - kDeleted.size())));
}

// A class, or one of its methods.
bool MatchesCulprit(const Glob& glob, const Frame& frame) {
  if (!frame.is_java) return !frame.symbol.empty() && glob.Matches(frame.symbol);
  return glob.Matches(frame.class_name) ||
         glob.Matches(fmt::format("{}.{}", frame.class_name, frame.method));
}

// Where its code came from, by the whole path or the file's name.
bool MatchesModule(const Glob& glob, const Frame& frame) {
  const std::string_view path = frame.is_java ? frame.jar : frame.module;
  return !path.empty() && (glob.Matches(path) || glob.Matches(path.substr(path.rfind('/') + 1)));
}

bool MatchesSocket(const Conditions& conditions, const Descriptor& descriptor) {
  const bool asked =
      !(conditions.addresses.empty() && conditions.locals.empty() && conditions.remotes.empty() &&
        conditions.protocols.empty() && conditions.states.empty());
  if (!asked || !descriptor.socket) return !asked;
  const Socket& socket = *descriptor.socket;
  const auto is_local = [&](const AddressPattern& a) { return a.Matches(socket.local); };
  const auto is_remote = [&](const AddressPattern& a) { return a.Matches(socket.remote); };
  const auto is_either = [&](const AddressPattern& a) { return is_local(a) || is_remote(a); };
  return IsIn(socket.protocol, conditions.protocols) && IsIn(socket.state, conditions.states) &&
         AnyOf(conditions.addresses, is_either) && AnyOf(conditions.locals, is_local) &&
         AnyOf(conditions.remotes, is_remote);
}

bool MatchesOpener(const Conditions& conditions, const Report& report,
                   const Descriptor& descriptor) {
  if (!conditions.calls.empty() &&
      (descriptor.origin == nullptr || !IsIn(descriptor.origin->call, conditions.calls))) {
    return false;
  }
  if (conditions.culprits.empty() && conditions.modules.empty()) return true;
  const Frame* frame = report.FrameOf(descriptor);
  return frame != nullptr &&
         AnyOf(conditions.culprits, [&](const Glob& g) { return MatchesCulprit(g, *frame); }) &&
         AnyOf(conditions.modules, [&](const Glob& g) { return MatchesModule(g, *frame); });
}

bool MatchesFailures(const std::vector<Glob>& failures, const Report& report,
                     const Descriptor& descriptor) {
  return AnyOf(failures, [&](const Glob& glob) {
    return std::any_of(descriptor.failures.begin(), descriptor.failures.end(), [&](int index) {
      return glob.Matches(report.trigger.suppressed[static_cast<size_t>(index)].class_name);
    });
  });
}

}  // namespace

bool Matches(const Conditions& conditions, const Report& report, const Descriptor& descriptor,
             const std::string& fingerprint) {
  return IsIn(descriptor.kind, conditions.kinds) &&
         AnyOf(conditions.numbers,
               [&](const NumberRange& range) {
                 return range.first <= descriptor.fd && descriptor.fd <= range.last;
               }) &&
         IsIn(descriptor.attribution, conditions.attributions) &&
         IsIn(fingerprint, conditions.fingerprints) &&
         (conditions.advice.empty() ||
          (descriptor.advice && IsIn(descriptor.advice->kind, conditions.advice))) &&
         AnyOf(conditions.paths,
               [&](const Glob& glob) { return MatchesPath(glob, descriptor.target); }) &&
         MatchesSocket(conditions, descriptor) && MatchesOpener(conditions, report, descriptor) &&
         MatchesFailures(conditions.failures, report, descriptor);
}

bool MatchesFailure(const Conditions& conditions, std::string_view class_name,
                    const std::string& fingerprint) {
  const bool asks_for_more =
      !(conditions.kinds.empty() && conditions.protocols.empty() && conditions.states.empty() &&
        conditions.attributions.empty() && conditions.calls.empty() && conditions.advice.empty() &&
        conditions.numbers.empty() && conditions.paths.empty() && conditions.culprits.empty() &&
        conditions.modules.empty() && conditions.addresses.empty() && conditions.locals.empty() &&
        conditions.remotes.empty());
  return !asks_for_more && IsIn(fingerprint, conditions.fingerprints) &&
         AnyOf(conditions.failures, [&](const Glob& glob) { return glob.Matches(class_name); });
}

}  // namespace fdorigin::check
