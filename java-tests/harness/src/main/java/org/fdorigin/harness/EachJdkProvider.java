package org.fdorigin.harness;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.TestTemplateInvocationContext;
import org.junit.jupiter.api.extension.TestTemplateInvocationContextProvider;

/** Serves {@link EachJdk}. */
final class EachJdkProvider implements TestTemplateInvocationContextProvider {

  @Override
  public boolean supportsTestTemplate(ExtensionContext context) {
    return true;
  }

  @Override
  public Stream<TestTemplateInvocationContext> provideTestTemplateInvocationContexts(
      ExtensionContext context) {
    EachJdk wanted = context.getRequiredTestMethod().getAnnotation(EachJdk.class);
    return Jdk.only()
        .map(jdk -> Stream.of(on(jdk, wanted)))
        .orElseGet(() -> Arrays.stream(wanted.value()).mapToObj(EachJdkProvider::on));
  }

  private static TestTemplateInvocationContext on(Jdk jdk, EachJdk wanted) {
    if (jdk.feature() < wanted.since()) {
      return new Invocation(
          jdk.toString(), new NotRun("needs JDK " + wanted.since() + " or later"));
    }
    return new Invocation(jdk.toString(), new Argument(jdk));
  }

  private static TestTemplateInvocationContext on(int feature) {
    return new Invocation(
        "JDK " + feature,
        Jdk.find(feature)
            .<Extension>map(Argument::new)
            .orElseGet(
                () ->
                    new NotRun(
                        "no JDK "
                            + feature
                            + " on this machine; name one with -Dfdorigin.jdks=PATH:PATH")));
  }

  private record Invocation(String name, Extension extension)
      implements TestTemplateInvocationContext {

    @Override
    public String getDisplayName(int invocationIndex) {
      return name;
    }

    @Override
    public List<Extension> getAdditionalExtensions() {
      return List.of(extension);
    }
  }

  private record Argument(Jdk jdk) implements ParameterResolver {

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
      return parameter.getParameter().getType() == Jdk.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
      return jdk;
    }
  }

  private record NotRun(String why) implements ExecutionCondition {

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return ConditionEvaluationResult.disabled(why);
    }
  }
}
