#include "convert/weighted_stack.h"

#include <map>
#include <tuple>

namespace fdorigin {

std::vector<WeightedStack> WeighStacks(const model::Report& report, bool blocking_only) {
  std::vector<WeightedStack> weighed;
  std::map<std::tuple<const model::Stack*, std::string_view, std::string_view>, size_t> places;
  for (const model::Descriptor& descriptor : report.descriptors) {
    if (blocking_only && !descriptor.blocking) continue;
    WeightedStack one{.attribution = descriptor.attribution};
    if (descriptor.origin != nullptr) {
      one.stack = report.StackOf(*descriptor.origin);
      one.call = descriptor.origin->call;
    }
    const auto [place, is_new] =
        places.try_emplace({one.stack, one.call, one.attribution}, weighed.size());
    if (is_new) weighed.push_back(one);
    ++weighed[place->second].descriptors;
  }
  return weighed;
}

}  // namespace fdorigin
