#include "diff/growth.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fmt/format.h"
#include "model/stable_name.h"
#include "model/time.h"

namespace fdorigin::diff {
namespace {

using model::Descriptor;
using model::Frame;
using model::Report;

// startedAt is known to about 10 ms, and is reckoned anew for each report.
constexpr int64_t kStartToleranceMicroseconds = 1000000;

// A report that was made from outside counts pids as whoever asked sees them.
bool MayHaveSamePid(const Report& before, const Report& after) {
  return before.process.pid == after.process.pid || before.trigger.kind == "force" ||
         after.trigger.kind == "force";
}

bool AreOfOneProcess(const Report& before, const Report& after) {
  const std::optional<int64_t> first = model::MicrosecondsOf(before.process.started_at);
  const std::optional<int64_t> second = model::MicrosecondsOf(after.process.started_at);
  return first && second && std::abs(*second - *first) <= kStartToleranceMicroseconds &&
         before.process.hostname == after.process.hostname && MayHaveSamePid(before, after);
}

// What a stack holds, without what changes from run to run.
std::string ContentOf(const model::Stack& stack) {
  std::string content;
  for (const Frame& frame : stack.frames) {
    content += model::StableName(frame);
    // Without a symbol the place in the library tells functions apart.
    if (!frame.is_java && frame.symbol.empty()) content += fmt::format("+{:x}", frame.offset);
    content += fmt::format(":{}\n", frame.line);
  }
  return content;
}

// Numbers for what stacks hold, the same for both reports.
using StackNumbers = std::unordered_map<std::string, size_t>;

class Origins {
 public:
  Origins(const Report& report, StackNumbers* numbers) {
    for (const model::Stack& stack : report.stacks) {
      numbers_.push_back(numbers->try_emplace(ContentOf(stack), numbers->size()).first->second);
    }
  }

  std::string KeyOf(const Descriptor& descriptor) const {
    if (descriptor.origin == nullptr) {
      return fmt::format("{}\n{}", descriptor.kind, descriptor.attribution);
    }
    const int stack = descriptor.origin->stack;
    return fmt::format("{}\n{}\n{}\n", descriptor.kind, descriptor.origin->call,
                       stack < 0 ? "" : std::to_string(numbers_[static_cast<size_t>(stack)]));
  }

 private:
  std::vector<size_t> numbers_;  // of each stack, by its index
};

// A descriptor of one process, told from a later one of the same number.
std::string IdentityOf(const Descriptor& descriptor) {
  return fmt::format("{} {} {} {}", descriptor.fd, descriptor.inode, descriptor.kind,
                     descriptor.origin == nullptr ? "" : descriptor.origin->at);
}

}  // namespace

Growth Compare(const Report& before, const Report& after) {
  Growth growth;
  growth.same_process = AreOfOneProcess(before, after);
  const std::optional<int64_t> first = model::MicrosecondsOf(before.created_at);
  const std::optional<int64_t> second = model::MicrosecondsOf(after.created_at);
  if (growth.same_process && first && second) {
    growth.seconds = static_cast<double>(*second - *first) / 1e6;
  }

  std::unordered_map<std::string, size_t> index_of;
  const auto group_of = [&](const std::string& key) -> Group& {
    const auto [place, is_new] = index_of.try_emplace(key, growth.groups.size());
    if (is_new) growth.groups.emplace_back();
    return growth.groups[place->second];
  };
  std::unordered_set<std::string> was_there;
  StackNumbers numbers;
  const Origins old_origins(before, &numbers);
  for (const Descriptor& descriptor : before.descriptors) {
    group_of(old_origins.KeyOf(descriptor)).before.push_back(&descriptor);
    if (growth.same_process) was_there.insert(IdentityOf(descriptor));
  }
  const Origins new_origins(after, &numbers);
  for (const Descriptor& descriptor : after.descriptors) {
    Group& group = group_of(new_origins.KeyOf(descriptor));
    group.after.push_back(&descriptor);
    if (was_there.find(IdentityOf(descriptor)) == was_there.end()) {
      group.opened.push_back(&descriptor);
    }
  }
  const auto rank = [](const Group& group) {
    return std::make_tuple(-group.growth(), -static_cast<int64_t>(group.opened.size()),
                           group.example().fd);
  };
  std::sort(growth.groups.begin(), growth.groups.end(),
            [&](const Group& a, const Group& b) { return rank(a) < rank(b); });
  return growth;
}

}  // namespace fdorigin::diff
