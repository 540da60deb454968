package org.fdorigin.harness;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
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
    return Arrays.stream(wanted.value()).mapToObj(Invocation::new);
  }

  private record Invocation(int feature) implements TestTemplateInvocationContext {

    @Override
    public String getDisplayName(int invocationIndex) {
      return "JDK " + feature;
    }

    @Override
    public List<Extension> getAdditionalExtensions() {
      Optional<Jdk> jdk = Jdk.find(feature);
      return List.of(jdk.<Extension>map(Argument::new).orElseGet(() -> new Missing(feature)));
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

  private record Missing(int feature) implements ExecutionCondition {

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return ConditionEvaluationResult.disabled(
          "no JDK " + feature + " on this machine; name one with -Dfdorigin.jdks=PATH:PATH");
    }
  }
}
